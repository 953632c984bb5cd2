"""Deformable attention alone: ours against grid_sample, in turn, at the size of an 800 x 1333 image.

    python benchmarks/attention.py --threads 2 --output benchmarks/attention-2026-01-31.json

22,223 queries (each pixel of four levels), 8 heads of 32, 4 levels, 4 points; the stock form is transformers' own.
Wall time, and CPU time of the process beside it, which a busy machine disturbs less.
"""

import argparse
from pathlib import Path

import torch
from timing import alternate, describe_machine, print_table, write_json
from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

from lowres.ops.deformable_attention import deformable_attention

SHAPES = [(100, 167), (50, 84), (25, 42), (13, 21)]
HEADS, DIM, POINTS = 8, 32, 4


def make_inputs(batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    tokens = sum(height * width for height, width in SHAPES)
    centres = []
    for height, width in SHAPES:
        y, x = torch.meshgrid((torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
        centres.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
    size_wh = torch.tensor([[width, height] for height, width in SHAPES])
    offsets_px = 2.0 * torch.randn(batch, tokens, HEADS, len(SHAPES), POINTS, 2)
    locations = torch.cat(centres)[None, :, None, None, None] + offsets_px / size_wh[:, None]
    value = torch.randn(batch, tokens, HEADS, DIM)
    weights = torch.rand(batch, tokens, HEADS, len(SHAPES) * POINTS).softmax(-1).unflatten(-1, (len(SHAPES), POINTS))
    return value, locations, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    tensors = [tensor.to(options.device) for tensor in make_inputs(options.batch)]
    module = MultiScaleDeformableAttention()
    shapes = torch.tensor(SHAPES)

    def stock(value: torch.Tensor, locations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return module(value, shapes, SHAPES, shapes, locations, weights, 64)

    def fused(value: torch.Tensor, locations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return deformable_attention(value, SHAPES, locations, weights)

    def forward(function):
        with torch.inference_mode():
            return function(*tensors)

    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    cotangent = torch.randn(options.batch, leaves[0].shape[1], HEADS * DIM, device=options.device)

    def forward_backward(function):
        return torch.autograd.grad(function(*leaves), leaves, cotangent)

    difference = (forward(fused) - forward(stock)).abs().max().item()
    results = {
        "max_difference": difference,
        "forward": alternate(
            {"stock": lambda: forward(stock), "fused": lambda: forward(fused)}, options.rounds, options.device
        ),
        "forward_backward": alternate(
            {"stock": lambda: forward_backward(stock), "fused": lambda: forward_backward(fused)},
            options.rounds,
            options.device,
        ),
    }
    machine = describe_machine(options.threads)
    print(f"max difference of outputs {difference:.1e}")
    for name in ("forward", "forward_backward"):
        print_table(name, results[name])
    if options.output:
        write_json(options.output, {"machine": machine, "batch": options.batch, **results})


if __name__ == "__main__":
    main()
