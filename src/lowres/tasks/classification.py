"""Training a classifier: on labels alone, and under a frozen full-resolution teacher (DFD, eq. 1 to 4)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lowres.models.classifiers import ClassifierOutput
from lowres.models.frozen import Frozen
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.ops.distill_classes import temperature_kl
from lowres.ops.distill_vectors import (
    cosine_distance,
    mean_squared_distance,
    relational_distance,
    squared_distance,
)
from lowres.records import LabelledImages


class ClassificationTask(nn.Module):
    """One term, `recognition`: softmax and cross-entropy (eq. 2 and 3), mean over the batch."""

    def __init__(self, model: ThumbnailClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: LabelledImages) -> dict[str, Tensor]:
        """Raw terms of one batch."""
        return {"recognition": F.cross_entropy(self.model(batch.pixels).logits, batch.labels)}


@dataclass(frozen=True)
class FeatureTerm:
    """Distance of the last features: `squared` is eq. 1, `mean_squared` the same over the number of features;
    `relational` has its own weight for angles.
    """

    distance: Literal["squared", "mean_squared", "cosine", "relational"]
    angle_weight: float = 2.0


@dataclass(frozen=True)
class ClassLogitTerm:
    """Distillation of class probabilities (arXiv:1503.02531)."""

    temperature: float


class ClassDistillationTask(nn.Module):
    """Student on thumbnails and frozen teacher on the images they are made of; the terms given are returned, raw.

    Terms: `recognition`, `feature`, `logit`. Both see the same crop and flip, because the student's thumbnail is made
    of the teacher's pixels. Raises ValueError where features cannot be compared.
    """

    def __init__(
        self,
        model: ThumbnailClassifier,
        teacher: ThumbnailClassifier,
        *,
        recognition: bool = True,
        feature: FeatureTerm | None = None,
        logit: ClassLogitTerm | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.teacher = Frozen(teacher)
        self.recognition, self.feature, self.logit = recognition, feature, logit

    def forward(self, batch: LabelledImages) -> dict[str, Tensor]:
        """Raw terms of one batch."""
        student = self.model(batch.pixels)
        losses: dict[str, Tensor] = {}
        if self.recognition:
            losses["recognition"] = F.cross_entropy(student.logits, batch.labels)
        if self.feature or self.logit:
            teacher = self.teacher(batch.pixels)
            assert isinstance(teacher, ClassifierOutput)
            if self.feature:
                losses["feature"] = self._feature(self.feature, student.features, teacher.features)
            if self.logit:
                losses["logit"] = temperature_kl(student.logits, teacher.logits, temperature=self.logit.temperature)
        return losses

    @staticmethod
    def _feature(term: FeatureTerm, student: Tensor, teacher: Tensor) -> Tensor:
        if term.distance == "squared":
            return squared_distance(student, teacher)
        if term.distance == "mean_squared":
            return mean_squared_distance(student, teacher)
        if term.distance == "cosine":
            return cosine_distance(student, teacher)
        return relational_distance(student, teacher, angle_weight=term.angle_weight)


def classify_batches(
    model: ThumbnailClassifier,
    batches: Iterable[LabelledImages],
    *,
    device: torch.device | str = "cpu",
    on_images: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Class probabilities float64 [n, c] of every image, in order; fewer rows where `stop` said yes between batches.

    The model is used as it is; put it into eval mode first.
    """
    found: list[np.ndarray] = []
    done = 0
    with torch.inference_mode():
        for batch in batches:
            if stop():
                break
            logits = model(batch.to(device).pixels).logits
            found.append(logits.double().softmax(dim=1).cpu().numpy())
            done += len(batch)
            on_images(done)
    return np.concatenate(found) if found else np.zeros((0, 0))
