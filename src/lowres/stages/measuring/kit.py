"""What evaluate asks of a task. Apart from `kits`, so that a change in measuring makes no training stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from lowres.config.data import Input
from lowres.models.assemble import ThumbnailModel


@dataclass(frozen=True)
class Measured:
    """Metrics by row, ready for JSON; `details` is whatever else the report needs of the split."""

    metrics: dict[str, dict[str, Any]]
    details: dict[str, Any]


class MeasuringKit(Protocol):
    """One task. `evaluate` is its own section of params.yaml."""

    @property
    def headline(self) -> tuple[str, ...]:
        """Metrics of the summary, the main one first; those that are None are left out."""
        ...

    def fed_thumbnails(self, teacher: ThumbnailModel, *, student: ThumbnailModel) -> ThumbnailModel:
        """The teacher's network behind bicubic thumbnails of the student's ratio."""
        ...

    def measure(
        self, models: Mapping[str, ThumbnailModel], evaluate: Any, sizing: Input, *, split: Path, folder: Path
    ) -> Measured:
        """What each model, by its row's key, makes of a split; leaves details, tables and pictures in `folder`."""
        ...

    def decode(self, encoded: bytes) -> np.ndarray:
        """An image file as uint8 [h, w, 3] RGB, as training sees it."""
        ...

    def size(self, pixels: np.ndarray, sizing: dict[str, Any]) -> Any:
        """One image uint8 [h, w, 3] RGB as the input of `run`, sized as in training."""
        ...

    def run(self, model: ThumbnailModel, inputs: Any) -> Any:
        """What the model finds in one input of `size`, as a user gets it."""
        ...

    def tensors(self, inputs: Any) -> tuple[Tensor, ...]:
        """The arguments that the model is called with for one input of `size`."""
        ...
