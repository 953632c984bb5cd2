"""Measuring classifiers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowres.config.classification import Evaluate
from lowres.config.data import Input
from lowres.data.images import decode_upright
from lowres.data.stretch import stretched
from lowres.models.assemble import ThumbnailModel
from lowres.models.downsamplers import bicubic_of
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.measuring.classifier_split import measure_classifiers
from lowres.stages.measuring.kit import Measured


class ClassificationMeasuring:
    """See `lowres.stages.measuring.kit.MeasuringKit`."""

    headline = ("top1", "top5", "expected_calibration_error")

    def fed_thumbnails(self, teacher: ThumbnailModel, *, student: ThumbnailModel) -> ThumbnailModel:
        """The teacher's network, thumbnails brought back to its size by bicubic interpolation."""
        assert isinstance(teacher, ThumbnailClassifier)
        return ThumbnailClassifier(bicubic_of(student.ratio), teacher.classifier, restore="bicubic")

    def measure(
        self, models: Mapping[str, ThumbnailModel], evaluate: Evaluate, sizing: Input, *, split: Path, folder: Path
    ) -> Measured:
        """Accuracy, calibration, confusion, and images to look at."""
        classifiers = {key: model for key, model in models.items() if isinstance(model, ThumbnailClassifier)}
        assert len(classifiers) == len(models)
        return measure_classifiers(classifiers, evaluate, sizing, split=split, folder=folder)

    def decode(self, encoded: bytes) -> np.ndarray:
        """Turned as its EXIF data say."""
        return decode_upright(encoded)

    def size(self, pixels: np.ndarray, sizing: dict[str, Any]) -> Tensor:
        """Stretched to the network's square, in [0, 1], batched."""
        pixels = stretched(pixels, sizing["short_side_px"])
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].float().div_(255)

    def run(self, model: ThumbnailModel, inputs: Tensor) -> np.ndarray:
        """Class probabilities [c]."""
        assert isinstance(model, ThumbnailClassifier)
        with torch.inference_mode():
            return model(inputs).logits[0].double().softmax(0).cpu().numpy()

    def tensors(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Pixels."""
        return (inputs,)
