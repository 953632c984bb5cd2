"""A teacher that stays as it is, whatever the module around it does."""

from collections.abc import Iterator

import torch
from torch import nn


class Frozen(nn.Module):
    """Holds a module in eval mode, without gradients and outside the state of the module that contains it.

    The held module is kept out of `parameters()`, `state_dict()` and `.train()` of its surroundings, so no optimiser,
    checkpoint, EMA or DDP sees it; `.to(device)` still moves it. Calls run under `torch.no_grad()`.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        module.eval().requires_grad_(requires_grad=False)
        self._held = (module,)

    @property
    def module(self) -> nn.Module:
        """The held module."""
        return self._held[0]

    def forward(self, *args: object, **kwargs: object) -> object:
        """Call the held module without recording gradients."""
        with torch.no_grad():
            return self.module(*args, **kwargs)

    def train(self, mode: bool = True) -> "Frozen":
        """Change nothing but this wrapper's own flag: the held module stays in eval mode."""
        self.training = mode
        return self

    def requires_grad_(self, requires_grad: bool = True) -> "Frozen":
        """Change nothing: a frozen module has no gradients."""
        return self

    def _apply(self, fn, recurse: bool = True):
        self.module._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def held_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the held module, for checks that they did not move."""
        return self.module.parameters()
