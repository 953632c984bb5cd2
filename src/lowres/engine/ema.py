"""Exponential moving average of a model's weights, with the decay warmed up as in RT-DETR (arXiv:2304.08069).

After update t (from 1) the decay is d (1 - exp(-t / warmup)), so that the average forgets the random start.
Parameters and the running statistics of batch norms are averaged; every other buffer is copied, because some hold
infinities (anchors outside the image), whose average is not a number.
"""

import copy
import math

import torch
from torch import Tensor, nn


class Ema:
    """An averaged copy of `model`, always in eval mode: `average`."""

    def __init__(self, model: nn.Module, *, decay: float, warmup_steps: int) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"ema_decay is {decay}; it must lie in [0, 1), or be null for no average")
        if warmup_steps < 0:
            raise ValueError(f"ema_warmup_steps is {warmup_steps}; it must not be negative")
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.warmup_steps = warmup_steps

    def decay_at(self, update: int) -> float:
        """The decay of update number `update`, which counts from 1."""
        if self.warmup_steps == 0:
            return self.decay
        return self.decay * (1.0 - math.exp(-update / self.warmup_steps))

    @torch.no_grad()
    def update(self, model: nn.Module, update: int) -> None:
        """Move the average towards `model`, which has just taken its optimiser step number `update`."""
        averaged: list[Tensor] = list(self.average.parameters())
        current: list[Tensor] = list(model.parameters())
        for (name, mean), (_, value) in zip(self.average.named_buffers(), model.named_buffers(), strict=True):
            if name.endswith(("running_mean", "running_var")):
                averaged.append(mean)
                current.append(value)
            else:
                mean.copy_(value)
        torch._foreach_lerp_(averaged, current, 1.0 - self.decay_at(update))  # pyright: ignore[reportPrivateImportUsage]
