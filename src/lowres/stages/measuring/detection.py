"""Measuring detectors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lowres.config.data import Input
from lowres.config.detection import Evaluate
from lowres.data.images import decode_rgb
from lowres.models.assemble import ThumbnailModel
from lowres.models.downsamplers import bicubic_of
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections
from lowres.stages.measuring.detector_split import measure_detectors
from lowres.stages.measuring.kit import Measured
from lowres.stages.measuring.one_image import Decoded
from lowres.tasks.detect import detect_batch


class DetectionMeasuring:
    """See `lowres.stages.measuring.kit.MeasuringKit`."""

    headline = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_100")

    def fed_thumbnails(self, teacher: ThumbnailModel, *, student: ThumbnailModel) -> ThumbnailModel:
        """The teacher's detector."""
        assert isinstance(teacher, ThumbnailDetector)
        return ThumbnailDetector(bicubic_of(student.ratio), teacher.detector)

    def measure(
        self, models: Mapping[str, ThumbnailModel], evaluate: Evaluate, sizing: Input, *, split: Path, folder: Path
    ) -> Measured:
        """COCO's metrics, curves, confusion, and images to look at."""
        detectors = {key: model for key, model in models.items() if isinstance(model, ThumbnailDetector)}
        assert len(detectors) == len(models)
        return measure_detectors(detectors, evaluate, sizing, split=split, folder=folder)

    def decode(self, encoded: bytes) -> np.ndarray:
        """As stored."""
        return decode_rgb(encoded)

    def size(self, pixels: np.ndarray, sizing: dict[str, Any]) -> Decoded:
        """Sized, padded, batched."""
        return Decoded.of(pixels, sizing)

    def run(self, model: ThumbnailModel, inputs: Decoded) -> list[ImageDetections]:
        """The hundred best detections."""
        assert isinstance(model, ThumbnailDetector)
        return detect_batch(model, inputs.batch, max_detections=100)

    def tensors(self, inputs: Decoded) -> tuple[Tensor, ...]:
        """Pixels and mask."""
        return inputs.batch.pixels, inputs.batch.mask
