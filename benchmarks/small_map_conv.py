"""Forward and backward of 3x3 convolutions on 2x2 maps, torch's against `SmallMapConv2d`: AlexNet's and VGG-16's last.

python benchmarks/small_map_conv.py --output benchmarks/small_map_conv-2026-01-31.json
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from timing import alternate, describe_machine, print_table, write_json
from torch import nn

from lowres.models.small_map_conv import SmallMapConv2d

SHAPES = ((192, 384), (384, 256), (256, 256), (512, 512))  # channels in and out


def stepper(kind: type[nn.Conv2d], before: int, after: int) -> Callable[[], None]:
    """One step in bfloat16 on 128 maps."""
    torch.manual_seed(0)
    layer = kind(before, after, 3, padding=1).to(memory_format=torch.channels_last)
    maps = torch.randn(128, before, 2, 2).to(memory_format=torch.channels_last).requires_grad_()

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            found = layer(maps)
        found.float().sum().backward()

    return step


def main() -> None:
    """Time all shapes in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    kinds = (("torch", nn.Conv2d), ("ours", SmallMapConv2d))
    variants = {f"{b} to {a}, {name}": stepper(kind, b, a) for b, a in SHAPES for name, kind in kinds}
    found = alternate(variants, options.rounds)
    print_table("bfloat16, 128 maps of 2x2", found)
    write_json(options.output, {"machine": describe_machine(options.threads), "step": found})


if __name__ == "__main__":
    main()
