"""The fused deformable attention against `grid_sample` in float64, a literal loop, and finite differences."""

import importlib.util
import math
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lowres.ops import deformable_attention as module
from lowres.ops.deformable_attention import deformable_attention

SHAPES = [(5, 9), (3, 4), (1, 2)]


def reference(value: Tensor, shapes, locations: Tensor, weights: Tensor, points: list[int]) -> Tensor:
    """The usual form: one grid_sample per level; locations [b, q, heads, sum(points), 2]."""
    b, _, heads, dim = value.shape
    q = locations.shape[1]
    levels = value.split([h * w for h, w in shapes], dim=1)
    grids = (2 * locations - 1).transpose(1, 2).flatten(0, 1).split(points, dim=2)
    samples = [
        F.grid_sample(
            level.permute(0, 2, 3, 1).reshape(b * heads, dim, h, w), grid, padding_mode="zeros", align_corners=False
        )
        for level, grid, (h, w) in zip(levels, grids, shapes, strict=True)
    ]
    weights = weights.transpose(1, 2).reshape(b * heads, 1, q, -1)
    return (torch.cat(samples, dim=-1) * weights).sum(-1).view(b, heads * dim, q).transpose(1, 2)


def literal(value: Tensor, shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """Equation 3 of the paper, one pixel at a time; locations [b, q, heads, levels, points, 2]."""
    b, q, heads, levels, points, _ = locations.shape
    out = torch.zeros(b, q, heads, value.shape[-1], dtype=value.dtype)
    starts = [sum(h * w for h, w in shapes[:level]) for level in range(levels)]
    for i in range(b):
        for j in range(q):
            for k in range(heads):
                for level in range(levels):
                    height, width = shapes[level]
                    for p in range(points):
                        x = locations[i, j, k, level, p, 0].item() * width - 0.5
                        y = locations[i, j, k, level, p, 1].item() * height - 0.5
                        for row in range(height):
                            for column in range(width):
                                share = max(0.0, 1 - abs(x - column)) * max(0.0, 1 - abs(y - row))
                                pixel = value[i, starts[level] + row * width + column, k]
                                out[i, j, k] += share * weights[i, j, k, level, p] * pixel
    return out.flatten(2)


def inputs(b=2, q=7, heads=3, dim=4, points=2, shapes=SHAPES, dtype=torch.float64, seed=0, spread=1.6):
    """Random tensors; with this spread about a third of the points lie outside or partly outside."""
    generator = torch.Generator().manual_seed(seed)
    s = sum(h * w for h, w in shapes)
    value = torch.randn(b, s, heads, dim, generator=generator, dtype=dtype)
    locations = (torch.rand(b, q, heads, len(shapes), points, 2, generator=generator, dtype=dtype) - 0.5) * spread + 0.5
    weights = torch.randn(b, q, heads, len(shapes), points, generator=generator, dtype=dtype)
    return value, locations, weights


def gradients(function, tensors) -> list[Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    out = function(*leaves)
    cotangent = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    return list(torch.autograd.grad(out, leaves, cotangent))


def fused(value, locations, weights, shapes=SHAPES):
    return deformable_attention(value, shapes, locations, weights)


def usual(value, locations, weights, shapes=SHAPES):
    points = [locations.shape[-2]] * len(shapes)
    return reference(value, shapes, locations.flatten(3, 4), weights.flatten(3, 4), points)


def test_one_point_between_four_pixels_is_their_mean():
    value = torch.tensor([1.0, 2.0, 3.0, 6.0]).view(1, 4, 1, 1)
    out = deformable_attention(value, [(2, 2)], torch.full((1, 1, 1, 1, 1, 2), 0.5), torch.ones(1, 1, 1, 1, 1))
    assert out.item() == 3.0


def test_agrees_with_a_literal_loop():
    tensors = inputs(b=2, q=3, heads=2, dim=3, points=2)
    torch.testing.assert_close(fused(*tensors), literal(tensors[0], SHAPES, *tensors[1:]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.parametrize("shapes", [SHAPES, [(4, 4)], [(1, 1), (7, 2)]])
def test_output_and_all_gradients_agree_with_grid_sample_in_float64(b, shapes):
    tensors = inputs(b=b, shapes=shapes)
    expected = usual(*tensors, shapes)
    torch.testing.assert_close(fused(*tensors, shapes), expected, rtol=1e-12, atol=1e-12)
    ours = gradients(lambda *leaves: fused(*leaves, shapes), tensors)
    theirs = gradients(lambda *leaves: usual(*leaves, shapes), tensors)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-11, atol=1e-11)
        assert our.abs().sum() > 0


def test_float32_is_within_rounding_of_float64():
    tensors = inputs(b=2, q=50, heads=8, dim=16, points=4, shapes=[(20, 31), (10, 16)])
    expected = usual(*tensors, [(20, 31), (10, 16)])
    out = fused(*(tensor.float() for tensor in tensors), [(20, 31), (10, 16)])
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=2e-5)


def test_gradients_agree_with_finite_differences():
    tensors = [
        tensor.requires_grad_() for tensor in inputs(b=2, q=3, heads=2, dim=2, points=2, shapes=[(3, 4), (2, 2)])
    ]
    assert torch.autograd.gradcheck(lambda *leaves: fused(*leaves, [(3, 4), (2, 2)]), tensors, eps=1e-7, atol=1e-6)


def test_points_wholly_outside_give_zero_and_no_gradient():
    value, locations, weights = inputs()
    outside = torch.where(locations > 0.5, locations + 1.5, locations - 1.5) * 1e3
    assert fused(value, outside, weights).abs().max() == 0
    assert all(grad.abs().max() == 0 for grad in gradients(fused, (value, outside, weights)))


@pytest.mark.parametrize("huge", [math.inf, -math.inf, 1e30])
def test_huge_locations_count_as_outside(huge):
    value, locations, weights = inputs()
    locations[0, 0] = huge
    out = fused(value, locations, weights)
    assert out[0, 0].abs().max() == 0
    for grad in gradients(fused, (value, locations, weights)):
        assert grad.isfinite().all()


def test_a_location_that_is_not_a_number_spoils_its_query_only():
    value, locations, weights = inputs()
    expected = fused(value, locations, weights)
    locations[1, 2, 0, 0, 0, 1] = math.nan
    out = fused(value, locations, weights)
    assert out[1, 2].isnan().any()
    out[1, 2] = expected[1, 2]
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


def test_points_on_pixel_centres_give_the_pixels():
    """A power of two keeps the locations exact: pixel (column 1, row 2) of 4 x 8 is at ((1.5) / 8, (2.5) / 4)."""
    value = torch.arange(32, dtype=torch.float32).view(1, 32, 1, 1) + 1
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(8), indexing="ij")
    locations = torch.stack([(columns + 0.5) / 8, (rows + 0.5) / 4], dim=-1).view(1, 32, 1, 1, 1, 2)
    out = deformable_attention(value, [(4, 8)], locations, torch.ones(1, 32, 1, 1, 1))
    assert torch.equal(out.flatten(), value.flatten())


def test_points_on_the_outer_edge_see_half_the_border_pixel_and_at_the_corner_a_quarter():
    value = torch.full((1, 12, 1, 1), 8.0)
    locations = torch.tensor([[0.0, 0.5], [1.0, 0.5], [0.5, 0.0], [0.5, 1.0], [0.0, 0.0], [1.0, 1.0]])
    out = deformable_attention(value, [(3, 4)], locations.view(1, 6, 1, 1, 1, 2), torch.ones(1, 6, 1, 1, 1))
    assert out.flatten().tolist() == [4, 4, 4, 4, 2, 2]


def test_points_exactly_one_pixel_outside_are_zero_with_finite_gradients():
    value, _, _ = inputs(b=1, heads=1, shapes=[(2, 4)])
    locations = torch.tensor([[-0.125, 0.5], [1.125, 0.5], [0.5, -0.25], [0.5, 1.25]], dtype=torch.float64)
    tensors = (value, locations.view(1, 4, 1, 1, 1, 2), torch.ones(1, 4, 1, 1, 1, dtype=torch.float64))
    assert fused(*tensors, [(2, 4)]).abs().max() == 0
    for grad in gradients(lambda *leaves: fused(*leaves, [(2, 4)]), tensors):
        assert grad.isfinite().all()


def test_levels_may_have_different_numbers_of_points():
    points = [1, 4, 2]
    value, _, _ = inputs()
    generator = torch.Generator().manual_seed(3)
    locations = torch.rand(2, 7, 3, 7, 2, generator=generator, dtype=torch.float64) * 1.4 - 0.2
    weights = torch.rand(2, 7, 3, 7, generator=generator, dtype=torch.float64)
    tensors = (value, locations, weights)

    def ours(*leaves):
        return deformable_attention(leaves[0], SHAPES, leaves[1], leaves[2], points)

    def theirs(*leaves):
        return reference(leaves[0], SHAPES, leaves[1], leaves[2], points)

    torch.testing.assert_close(ours(*tensors), theirs(*tensors), rtol=1e-12, atol=1e-12)
    for our, their in zip(gradients(ours, tensors), gradients(theirs, tensors), strict=True):
        torch.testing.assert_close(our, their, rtol=1e-11, atol=1e-11)


def test_chunks_change_nothing(monkeypatch):
    tensors = inputs(b=3, q=11)
    whole = fused(*tensors)
    whole_gradients = gradients(fused, tensors)
    monkeypatch.setattr(module, "_CPU_CHUNK", 4 * 3 * 3 * 2)  # four queries of 18 points: the last chunk is short
    torch.testing.assert_close(fused(*tensors), whole, rtol=0, atol=0)
    for our, their in zip(gradients(fused, tensors), whole_gradients, strict=True):
        torch.testing.assert_close(our, their, rtol=0, atol=0)


def test_gradients_are_the_same_bits_every_time():
    tensors = inputs(b=2, q=60, dtype=torch.float32)
    for first, second in zip(gradients(fused, tensors), gradients(fused, tensors), strict=True):
        assert torch.equal(first, second)


def test_strided_inputs_are_read_rightly():
    value, locations, weights = inputs()
    value_t = value.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    locations_t = locations.transpose(1, 2).contiguous().transpose(1, 2)
    weights_t = weights.transpose(1, 3).contiguous().transpose(1, 3)
    assert not value_t.is_contiguous()
    torch.testing.assert_close(fused(value_t, locations_t, weights_t), fused(value, locations, weights), rtol=0, atol=0)
    for our, their in zip(
        gradients(fused, (value_t, locations_t, weights_t)), gradients(fused, (value, locations, weights)), strict=True
    ):
        torch.testing.assert_close(our, their, rtol=0, atol=0)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_only_the_gradient_asked_for_is_computed(wanted):
    tensors = inputs()
    everything = gradients(fused, tensors)
    leaves = [tensor.clone().requires_grad_(index == wanted) for index, tensor in enumerate(tensors)]
    out = fused(*leaves)
    cotangent = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    (grad,) = torch.autograd.grad(out, leaves[wanted], cotangent)
    torch.testing.assert_close(grad, everything[wanted], rtol=0, atol=0)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_values_are_summed_in_float32(half):
    value, locations, weights = (tensor.float() for tensor in inputs())
    out = fused(value.to(half), locations, weights)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, fused(value.to(half).float(), locations, weights), rtol=0, atol=0)
    assert fused(value.to(half), locations.to(half), weights.to(half)).dtype == half


def test_right_under_bfloat16_autocast():
    tensors = tuple(tensor.float() for tensor in inputs())
    expected = fused(*tensors)
    with torch.autocast("cpu", torch.bfloat16):
        out = fused(tensors[0].bfloat16(), *tensors[1:])
        grads = gradients(lambda *leaves: fused(leaves[0].bfloat16(), *leaves[1:]), tensors)
    torch.testing.assert_close(out, expected, rtol=0.02, atol=0.05)
    assert all(grad.dtype == torch.float32 and grad.isfinite().all() for grad in grads)


def test_no_queries_give_an_empty_result():
    value, locations, weights = inputs()
    out = fused(value, locations[:, :0], weights[:, :0])
    assert out.shape == (2, 0, 12)
    assert all(grad.abs().sum() == 0 for grad in gradients(fused, (value, locations[:, :0], weights[:, :0])))


def test_compiled_is_the_same_forward_and_backward(monkeypatch):
    tensors = inputs(dtype=torch.float32)
    # Under another name, because the shape checker of the test session cannot be compiled.
    spec = importlib.util.spec_from_file_location("unchecked_deformable_attention", module.__file__)
    unchecked = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, unchecked)
    spec.loader.exec_module(unchecked)
    compiled = torch.compile(
        lambda v, x, w: unchecked.deformable_attention(v, SHAPES, x, w), fullgraph=True, backend="aot_eager"
    )
    torch.testing.assert_close(compiled(*tensors), fused(*tensors), rtol=1e-6, atol=1e-6)
    for our, their in zip(gradients(compiled, tensors), gradients(fused, tensors), strict=True):
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "points", "message"),
    [
        ([(5, 9), (3, 4)], None, "2 levels"),
        ([(5, 9), (3, 4), (1, 3)], None, "do not add up to the 59 rows"),
        (SHAPES, [2, 2, 2], "num_points_list"),
    ],
)
def test_contradicting_sizes_are_refused(shapes, points, message):
    value, locations, weights = inputs()
    with pytest.raises(ValueError, match=message):
        deformable_attention(value, shapes, locations, weights, points)
