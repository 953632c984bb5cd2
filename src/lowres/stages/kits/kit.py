"""What the training stages ask of a task: they are the same for all tasks, and none asks for a task's name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from lowres.config.data import Input
from lowres.engine.batch import TrainingBatch
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class TrainingData:
    """A split for training: its size, and from the index of a (micro-)batch to the batches from that one on."""

    num_images: int
    batches: Callable[[int], Iterable[TrainingBatch]]


class Kit(Protocol):
    """One task. `model`, `distill`, `terms` and `settings` are its own sections of params.yaml."""

    @property
    def task(self) -> str:
        """Its name, in params.yaml and in a model's config.json."""
        ...

    @property
    def select_by(self) -> str:
        """The metric on the validation split whose highest value chooses the weights."""
        ...

    def build_teacher(
        self, model: Any, *, class_names: list[str], sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """A new full-resolution model for images of `sizing`, and the `network` of its specification."""
        ...

    def build_student(
        self, distill: Any, *, teacher: ModelSpec, downsampler: nn.Module, sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """A new model on thumbnails of images of `sizing`, and the `network` of its specification."""
        ...

    def weight_sources(self, model: Any) -> list[str | None]:
        """Hub ids or folders of weights that a model starts from."""
        ...

    def supervised_task(self, model: ThumbnailModel) -> tuple[nn.Module, dict[str, float]]:
        """Training on labels alone: the task and the weights of its terms."""
        ...

    def distillation_task(
        self, terms: Any, *, student: ThumbnailModel, teacher: ThumbnailModel
    ) -> tuple[nn.Module, dict[str, float]]:
        """Training under a teacher: the task and the weights of its terms."""
        ...

    def training_data(self, split: Path, settings: Any, sizing: Input, *, device: torch.device) -> TrainingData:
        """The batches of a training, augmented as `settings` say; this rank's share of each."""
        ...

    def validator(self, split: Path, sizing: Input, *, device: torch.device) -> Callable[[nn.Module], Metrics]:
        """From a model to its main metrics on a split; returns early once a signal asks to stop."""
        ...

    def offline(self, model: Any) -> Any:
        """The section without weights that a dry run would have to download; ValueError where nothing is left."""
        ...

    def random_batch(self, sizing: Input, *, num_classes: int) -> TrainingBatch:
        """A small batch of noise with targets, for a dry run."""
        ...

    def check_training(self, settings: Any, sizing: Input) -> None:
        """ValueError for augmentation that cannot be."""
        ...
