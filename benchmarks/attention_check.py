"""Fused deformable attention on a device against float64 on the CPU: outputs and all three gradients.

    python benchmarks/attention_check.py --device cuda --output benchmarks/attention_check-2026-01-31.json

The reference is `grid_sample` in float64. Inputs are random; a third of the points lie outside the image, some far
outside. Errors are norms of differences over norms of references. Exits with 1 where one exceeds its bound.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from timing import describe_machine, write_json
from torch import Tensor

from lowres.ops.deformable_attention import deformable_attention

Shapes = list[tuple[int, int]]
CASES: dict[str, tuple[int, int, int, int, int, Shapes]] = {
    # batch, queries, heads, channels of a head, points, levels
    "deformable DETR": (2, 300, 8, 32, 4, [(100, 167), (50, 84), (25, 42), (13, 21)]),
    "small RT-DETR": (16, 232, 4, 24, 4, [(32, 32), (16, 16), (8, 8)]),
    "one pixel": (3, 17, 2, 8, 3, [(1, 1), (1, 5), (7, 1)]),
    "whole encoder": (1, 22223, 8, 32, 4, [(100, 167), (50, 84), (25, 42), (13, 21)]),
}
BOUNDS = {"float32": 1e-6, "bfloat16": 1e-2}
NAMES = ("output", "gradient of value", "gradient of locations", "gradient of weights")


def reference(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """Bilinear samples by `grid_sample`, level by level, weighted and summed."""
    b, _, heads, dim = value.shape
    queries = locations.shape[1]
    total = value.new_zeros(b * heads, dim, queries)
    position = 0
    for level, (height, width) in enumerate(shapes):
        maps = value[:, position : position + height * width].permute(0, 2, 3, 1).reshape(b * heads, dim, height, width)
        grid = 2 * locations[:, :, :, level].transpose(1, 2).flatten(0, 1) - 1
        samples = F.grid_sample(maps, grid, align_corners=False)  # [b * heads, dim, queries, points]
        share = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
        total = total + (samples * share).sum(-1)
        position += height * width
    return total.view(b, heads * dim, queries).transpose(1, 2)


def errors(
    case: tuple[int, int, int, int, int, Shapes], seed: int, dtype: torch.dtype, device: str
) -> dict[str, float]:
    """Relative error of the output and of each gradient, in the order of `NAMES`."""
    batch, queries, heads, dim, points, shapes = case
    generator = torch.Generator().manual_seed(seed)
    tokens = sum(height * width for height, width in shapes)
    value = torch.randn(batch, tokens, heads, dim, generator=generator)
    locations = torch.rand(batch, queries, heads, len(shapes), points, 2, generator=generator) * 1.4 - 0.2
    # Odd multiples of 2^-13: their products with sizes are exact in float32 and never a pixel's centre, where
    # the gradient jumps; a point that rounding moves over such a jump would tell nothing about the code.
    locations = (2 * (locations * 2**12).floor() + 1) / 2**13
    far = torch.rand(locations.shape[:-1], generator=generator) < 0.02
    locations = torch.where(far[..., None], locations * 2**13, locations)
    weights = torch.rand(batch, queries, heads, len(shapes) * points, generator=generator).softmax(-1)
    weights = weights.unflatten(-1, (len(shapes), points))
    cotangent = torch.randn(batch, queries, heads * dim, generator=generator)
    # Rounded first, so that both sides see the same numbers; locations stay in float32, as autocast leaves them.
    inputs = [value.to(dtype), locations, weights.to(dtype)]
    exact = [tensor.double().requires_grad_() for tensor in inputs]
    expected = reference(exact[0], shapes, exact[1], exact[2])
    wanted = [expected, *torch.autograd.grad(expected, exact, cotangent.double())]
    leaves = [tensor.to(device).requires_grad_() for tensor in inputs]
    output = deformable_attention(leaves[0], shapes, leaves[1], leaves[2])
    found = [output, *torch.autograd.grad(output, leaves, cotangent.to(device, output.dtype))]
    return {
        name: ((ours.double().cpu() - theirs).norm() / theirs.norm()).item()
        for name, ours, theirs in zip(NAMES, found, wanted, strict=True)
    }


def main() -> None:
    """Check every case in both number formats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {}
    worst = {name: 0.0 for name in BOUNDS}
    for name, case in CASES.items():
        for number_format in BOUNDS:
            found = errors(case, len(results), getattr(torch, number_format), options.device)
            results[f"{name}, {number_format}"] = found
            worst[number_format] = max(worst[number_format], *found.values())
            print(f"{name:18s}{number_format:10s}" + "  ".join(f"{key} {error:.1e}" for key, error in found.items()))
    if options.output:
        machine = describe_machine(torch.get_num_threads())
        write_json(options.output, {"machine": machine, "bounds": BOUNDS, "relative_errors": results})
    failed = [name for name, bound in BOUNDS.items() if not worst[name] < bound]
    if failed:
        raise SystemExit(f"error above its bound: {', '.join(f'{name} {worst[name]:.1e}' for name in failed)}")


if __name__ == "__main__":
    main()
