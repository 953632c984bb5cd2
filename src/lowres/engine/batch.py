"""What the loop asks of a batch, whatever the task."""

from typing import Protocol, Self

import torch


class TrainingBatch(Protocol):
    """Images and their targets; its length is the number of images."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device | str, *, channels_last: bool = False) -> Self:
        """The same batch on a device, its pixels optionally in channels-last memory order."""
        ...
