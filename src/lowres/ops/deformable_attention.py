"""Multi-scale deformable attention as one weighted gather (Deformable DETR, arXiv:2010.04159, eq. 3).

Bilinear sampling of P points on each of L levels is a weighted sum of 4LP rows of the value table, which
`F.embedding_bag(mode="sum", per_sample_weights=...)` computes without ever holding the sampled values; the usual
implementation calls `grid_sample` once per level and keeps all of them. The same sum, other arithmetic order.

Where we differ from the plain idea, and why (measured, see `benchmarks/attention.py`):

- Every level gets a border of one zero pixel, so points outside need a clamp instead of four masks.
- On a CPU, bags are prepared in chunks that stay in the cache: the index arithmetic costs more than the sum itself.
- PyTorch's gradient to the table adds row by row in one thread. Ours sorts the points by the pixel they fall on and is
  again an `embedding_bag`, with points and pixels exchanged: parallel, and the same bits on every run.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_Shapes = tuple[tuple[int, int], ...]

# Sampling points (over all heads) prepared at a time: half a megabyte per temporary on a CPU, so that they stay in its
# cache; elsewhere only a bound on memory.
_CPU_CHUNK = 2**17
_DEVICE_CHUNK = 2**24


def deformable_attention(
    value: Float[Tensor, "b s heads dim"],
    spatial_shapes: Sequence[tuple[int, int]],
    sampling_locations: Float[Tensor, "b q heads *points 2"],
    attention_weights: Float[Tensor, "b q heads *points"],
    num_points_list: Sequence[int] | None = None,
) -> Float[Tensor, "b q heads*dim"]:
    """Attention-weighted sum of bilinear samples of a feature pyramid, for each query and head.

    `value` holds the levels one after another, each in row-major order, their `(height, width)` in `spatial_shapes`.
    `sampling_locations` are (x, y) as fractions of a level, 0 and 1 being the outer edges of its border pixels; outside
    is zero, as in `grid_sample(align_corners=False, padding_mode="zeros")`. Points are either [levels, points] or, with
    the count of each level in `num_points_list`, [sum(points)]. Gradients reach all three tensors; a point further than
    a pixel outside gets none. Half precision is computed in float32; the result has the type the inputs promote to.

    Raises ValueError where sizes contradict each other.
    """
    shapes = tuple((int(height), int(width)) for height, width in spatial_shapes)
    if num_points_list is None:
        points = (sampling_locations.shape[-2],) * sampling_locations.shape[-3]
        expected = 6
    else:
        points = tuple(num_points_list)
        expected = 5
    b, s, heads, dim = value.shape
    q = sampling_locations.shape[1]
    if sampling_locations.ndim != expected or len(points) != len(shapes):
        raise ValueError(
            f"sampling_locations: got shape {tuple(sampling_locations.shape)} for {len(shapes)} levels; give "
            "[b, q, heads, levels, points, 2], or [b, q, heads, sum(points), 2] and num_points_list, one entry a level"
        )
    if sum(height * width for height, width in shapes) != s:
        raise ValueError(
            f"spatial_shapes: {list(shapes)} do not add up to the {s} rows of value; list every level once"
        )
    if sampling_locations.numel() != b * q * heads * sum(
        points
    ) * 2 or attention_weights.numel() != b * q * heads * sum(points):
        raise ValueError(
            f"attention_weights {tuple(attention_weights.shape)} and sampling_locations "
            f"{tuple(sampling_locations.shape)} do not hold {sum(points)} points for {q} queries of {heads} heads"
        )

    result_type = torch.promote_types(
        torch.promote_types(value.dtype, sampling_locations.dtype), attention_weights.dtype
    )
    compute_type = torch.float32 if result_type in (torch.float16, torch.bfloat16) else result_type
    output = _DeformableAttention.apply(
        value.to(compute_type),
        sampling_locations.to(compute_type).reshape(b * q, heads * sum(points), 2),
        attention_weights.to(compute_type).reshape(b * q, heads, sum(points)),
        shapes,
        points,
    )
    return output.view(b, q, heads * dim).to(result_type)


class _Layout(NamedTuple):
    """Constants of each of the heads * sum(points) sampling points of a query, and the size of an image's table."""

    width: Tensor
    height: Tensor
    last_x: Tensor
    last_y: Tensor
    row_length: Tensor  # of the padded level, as a float
    first_row: Tensor  # table row of the level's pixel (0, 0), of the point's head
    below: Tensor  # rows between a pixel and the one below it
    rows_per_image: int


def _make_layout(
    shapes: _Shapes, points: tuple[int, ...], heads: int, device: torch.device, dtype: torch.dtype
) -> _Layout:
    widths: list[int] = []
    heights: list[int] = []
    first_rows: list[int] = []
    start = 0
    for (height, width), count in zip(shapes, points, strict=True):
        widths += [width] * count
        heights += [height] * count
        first_rows += [start + width + 3] * count
        start += (height + 2) * (width + 2)
        assert start < 2**24 or dtype == torch.float64, "a row number must be exact in float32"
    width = torch.tensor(widths, dtype=dtype, device=device).repeat(heads)
    height = torch.tensor(heights, dtype=dtype, device=device).repeat(heads)
    head = torch.arange(heads, dtype=torch.int32, device=device).repeat_interleave(len(widths))
    return _Layout(
        width=width,
        height=height,
        last_x=width - 1,
        last_y=height - 1,
        row_length=width + 2,
        first_row=torch.tensor(first_rows, dtype=torch.int32, device=device).repeat(heads) + head * start,
        below=(width + 2).to(torch.int32),
        rows_per_image=heads * start,
    )


_cached_layout = lru_cache(maxsize=64)(_make_layout)


def _layout(shapes: _Shapes, points: tuple[int, ...], heads: int, like: Tensor) -> _Layout:
    make = _make_layout if torch.compiler.is_compiling() else _cached_layout
    return make(shapes, points, heads, like.device, like.dtype)


def _padded_levels(table: Tensor, shapes: _Shapes) -> Iterator[tuple[Tensor, slice]]:
    """Each level of a table [b, heads, rows, dim] as [b, heads, height + 2, width + 2, dim], and its span in value."""
    row = position = 0
    for height, width in shapes:
        rows = (height + 2) * (width + 2)
        level = table[:, :, row : row + rows].unflatten(2, (height + 2, width + 2))
        yield level, slice(position, position + height * width)
        row += rows
        position += height * width


def _make_table(value: Tensor, shapes: _Shapes) -> Tensor:
    """[b * heads * rows, dim]: the value of each head, with a border of zeros around each level."""
    b, _, heads, dim = value.shape
    table = value.new_zeros(b, heads, sum((height + 2) * (width + 2) for height, width in shapes), dim)
    for (level, span), shape in zip(_padded_levels(table, shapes), shapes, strict=True):
        level[:, :, 1:-1, 1:-1] = value[:, span].unflatten(1, shape).permute(0, 3, 1, 2, 4)
    return table.view(-1, dim)


def _place(locations: Tensor, layout: _Layout, image_row: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Table row of each point's top left pixel [n, heads * points], and how far right and below it the point lies."""
    x, y = locations.unbind(-1)
    x = torch.minimum((x * layout.width).sub_(0.5).clamp_(min=-1), layout.width)
    y = torch.minimum((y * layout.height).sub_(0.5).clamp_(min=-1), layout.height)
    left = torch.minimum(x.floor(), layout.last_x)
    top = torch.minimum(y.floor(), layout.last_y)
    row = torch.addcmul(left, top, layout.row_length).to(torch.int32).add_(layout.first_row)
    if image_row is not None:
        row += image_row
    # A location that is not a number becomes a negative row: it must give a NaN, not a read out of bounds.
    return row.clamp_(min=0), x - left, y - top


def _corners(row: Tensor, layout: _Layout, heads: int) -> Tensor:
    """Rows of the four pixels around each point [n * heads, 4 * points], by corner: in reading order."""
    lower = row + layout.below
    corners = torch.stack([part.unflatten(1, (heads, -1)) for part in (row, row + 1, lower, lower + 1)], dim=2)
    return corners.flatten(2).flatten(0, 1)


def _corner_weights(weight: Tensor, right: Tensor, down: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Share of each of the four pixels in a point of the given weight, in the order of `_corners`."""
    lower = weight * down
    upper = weight - lower
    lower_right = lower * right
    upper_right = upper * right
    return upper - upper_right, upper_right, lower - lower_right, lower_right


class _DeformableAttention(torch.autograd.Function):
    """[b, s, heads, dim], [b * q, heads * points, 2], [b * q, heads, points] -> [b * q * heads, dim]."""

    @staticmethod
    def forward(
        ctx,
        value: Tensor,
        locations: Tensor,
        weights: Tensor,
        shapes: _Shapes,
        points: tuple[int, ...],
    ) -> Tensor:
        ctx.save_for_backward(value, locations, weights)
        ctx.shapes, ctx.points = shapes, points
        heads = value.shape[2]
        layout = _layout(shapes, points, heads, value)
        table = _make_table(value, shapes)
        outputs = []
        for chunk, image_row in _chunks(value, locations, layout):
            row, right, down = _place(locations[chunk], layout, image_row)
            shares = _corner_weights(weights[chunk], right.view(weights[chunk].shape), down.view(weights[chunk].shape))
            outputs.append(
                F.embedding_bag(
                    _corners(row, layout, heads),
                    table,
                    mode="sum",
                    per_sample_weights=torch.stack(shares, dim=2).flatten(2).flatten(0, 1),
                )
            )
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride] (decorator's type)
        value, locations, weights = ctx.saved_tensors
        need_value, need_locations, need_weights = ctx.needs_input_grad[:3]
        heads, dim = value.shape[2:]
        grad = grad_output.contiguous()
        layout = _layout(ctx.shapes, ctx.points, heads, value)
        table = _make_table(value, ctx.shapes) if need_locations or need_weights else None
        placed, grad_locations, grad_weights = [], [], []
        for chunk, image_row in _chunks(value, locations, layout):
            row, right, down = _place(locations[chunk], layout, image_row)
            if need_value:
                placed.append((row, right, down))
            if table is not None:
                grad_chunk = grad.view(-1, heads, dim)[chunk].flatten(0, 1)
                dots = _dots(grad_chunk, table, _corners(row, layout, heads))
                along, weight = _point_gradients(dots, locations[chunk], weights[chunk], right, down, layout)
                grad_locations.append(along)
                grad_weights.append(weight)
        return (
            _value_gradient(grad, placed, weights, value, ctx.shapes) if need_value else None,
            torch.cat(grad_locations) if need_locations else None,
            torch.cat(grad_weights) if need_weights else None,
            None,
            None,
        )


def _chunks(value: Tensor, locations: Tensor, layout: _Layout) -> Iterator[tuple[slice, Tensor | None]]:
    """Spans of queries whose index arithmetic is done together, and where the table of each one's image begins."""
    queries, per_query = locations.shape[:2]
    b = value.shape[0]
    image_row = None
    if b > 1:
        image = torch.arange(b, dtype=torch.int32, device=value.device) * layout.rows_per_image
        image_row = image.repeat_interleave(queries // b)[:, None]
    size = queries
    if not torch.compiler.is_compiling():
        size = max(1, (_CPU_CHUNK if value.device.type == "cpu" else _DEVICE_CHUNK) // per_query)
    for start in range(0, max(queries, 1), size):
        chunk = slice(start, start + size)
        yield chunk, None if image_row is None else image_row[chunk]


def _dots(grad: Tensor, table: Tensor, corners: Tensor) -> Tensor:
    """Dot product of each bag's gradient with each of its rows, [bags, 4 * points], no row copied in memory.

    This is the derivative of `embedding_bag` by `per_sample_weights`. It has no public name, and going through autograd
    would compute the forward sum once more.
    """
    bags, size = corners.shape
    bag = torch.arange(bags, dtype=corners.dtype, device=corners.device)
    return torch.ops.aten._embedding_bag_per_sample_weights_backward(
        grad, table, corners.view(-1), bag * size, bag.repeat_interleave(size), 0
    ).view(bags, size)


def _point_gradients(
    dots: Tensor, locations: Tensor, weights: Tensor, right: Tensor, down: Tensor, layout: _Layout
) -> tuple[Tensor, Tensor]:
    """Gradients by location [n, heads * points, 2] and by weight [n, heads, points], from the dots of the corners."""
    n, heads, points = weights.shape
    corners = dots.view(n, heads, 4, points).unbind(2)
    upper_left, upper_right, lower_left, lower_right = (corner.reshape(n, heads * points) for corner in corners)
    upper_slope, lower_slope = upper_right - upper_left, lower_right - lower_left
    upper = torch.addcmul(upper_left, right, upper_slope)
    slope_y = torch.addcmul(lower_left, right, lower_slope).sub_(upper)
    slope_x = torch.addcmul(upper_slope, down, lower_slope - upper_slope)
    grad_weights = torch.addcmul(upper, down, slope_y).view_as(weights)

    size = torch.stack([layout.width, layout.height], dim=-1)
    position = locations * size - 0.5
    moves = (position > -1) & (position < size)
    slope = torch.stack([slope_x, slope_y], dim=-1) * weights.reshape(n, heads * points, 1) * size
    return torch.where(moves, slope, 0), grad_weights


def _value_gradient(
    grad: Tensor, placed: list[tuple[Tensor, Tensor, Tensor]], weights: Tensor, value: Tensor, shapes: _Shapes
) -> Tensor:
    """Gradient by value [b, s, heads, dim]: every pixel gathers from the points that touch it.

    The points are sorted by their top left pixel. That makes one bag a pixel, whose rows are the gradients of the
    queries; summed four times, with the weights of the four corners, then shifted by one pixel right, down or both.
    """
    b, _, heads, dim = value.shape
    rows = b * heads * sum((height + 2) * (width + 2) for height, width in shapes)
    row, right, down = (torch.cat(parts).view(-1) for parts in zip(*placed, strict=True))
    row, order = row.sort(stable=True)
    first_point = torch.searchsorted(row, torch.arange(rows, dtype=row.dtype, device=row.device), out_int32=True)
    bag = order.div(weights.shape[-1], rounding_mode="floor").to(torch.int32)
    shares = _corner_weights(weights.reshape(-1)[order], right[order], down[order])
    sums = [
        F.embedding_bag(bag, grad, first_point, mode="sum", per_sample_weights=share).view(b, heads, -1, dim)
        for share in shares
    ]
    result = torch.empty_like(value, memory_format=torch.contiguous_format)
    levels = [_padded_levels(corner, shapes) for corner in sums]
    for (at, span), (to_right, _), (below, _), (below_right, _) in zip(*levels, strict=True):
        total = at[:, :, 1:-1, 1:-1] + to_right[:, :, 1:-1, :-2]
        total += below[:, :, :-2, 1:-1]
        total += below_right[:, :, :-2, :-2]
        result[:, span] = total.permute(0, 2, 3, 1, 4).flatten(1, 2)
    return result
