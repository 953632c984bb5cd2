"""A convolution on maps smaller than its kernel, as one matrix product while it trains on a CPU.

Where every window covers the whole map, as with 3x3 windows on 2x2 maps, a convolution is a dense layer whose weights
are slices of the kernel. oneDNN divides the work of a backward convolution by pixels, of which there are next to none;
the product takes less time (benchmarks/small_map_conv.py).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class SmallMapConv2d(nn.Conv2d):
    """`nn.Conv2d`: the same weights, and the same values to rounding; larger maps and other devices are left to it."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """The convolution of the maps."""
        if input.device.type != "cpu" or not torch.is_grad_enabled() or self.groups > 1 or self.dilation != (1, 1):
            return super().forward(input)
        starts = [self._window_starts(size, axis) for axis, size in enumerate(input.shape[2:])]
        if not all(starts):
            return super().forward(input)
        height, width = input.shape[2:]
        windows = [
            self.weight[:, :, top : top + height, left : left + width].permute(0, 2, 3, 1).flatten(1)
            for top in starts[0]
            for left in starts[1]
        ]
        bias = None if self.bias is None else self.bias.repeat(len(windows))
        found = F.linear(input.permute(0, 2, 3, 1).flatten(1), torch.cat(windows), bias)
        return found.reshape(len(input), len(starts[0]), len(starts[1]), -1).permute(0, 3, 1, 2)

    def _window_starts(self, size: int, axis: int) -> list[int]:
        """Where in the kernel the map begins, for each output along an axis; nothing where one does not see it all."""
        kernel, stride, padding = self.kernel_size[axis], self.stride[axis], int(self.padding[axis])
        outputs = (size + 2 * padding - kernel) // stride + 1
        starts = [padding - stride * output for output in range(outputs)]
        return starts if all(0 <= start <= kernel - size for start in starts) else []
