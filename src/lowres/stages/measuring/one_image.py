"""One image on its way into a detector: sized and batched as in training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lowres.data.collate import Collate, unpack
from lowres.data.transforms import Sample, build_transforms
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch, ImageDetections
from lowres.tasks.detect import detect_batch


@dataclass(frozen=True)
class Decoded:
    """One image, sized and batched as the detector wants it."""

    batch: Batch

    @staticmethod
    def of(pixels: np.ndarray, sizing: dict[str, Any]) -> "Decoded":
        """From RGB uint8 [h, w, 3]; `sizing` is the `input` of a model's specification."""
        collate = Collate(size_divisor=sizing["canvas_multiple_px"])
        return Decoded(unpack(collate([sized(pixels, sizing)])).to("cpu"))


def sized(pixels: np.ndarray, sizing: dict[str, Any]) -> Sample:
    """An RGB image uint8 [h, w, 3] at the size at which it enters a batch; nothing random."""
    height, width = pixels.shape[:2]
    sample = Sample(
        pixels=pixels,
        boxes_xyxy_px=np.zeros((0, 4)),
        labels=np.zeros(0, np.int64),
        image_id=0,
        original_wh_px=(width, height),
    )
    transform = build_transforms(
        short_side_px=sizing["short_side_px"], long_side_px=sizing["long_side_px"], stretch=sizing["stretch"]
    )
    return transform(sample, np.random.default_rng(0), another=lambda: sample)


def detect_image(
    model: ThumbnailDetector, pixels: np.ndarray, sizing: dict[str, Any], *, max_detections: int
) -> ImageDetections:
    """Detections in one RGB image uint8 [h, w, 3], in its pixels."""
    with torch.inference_mode():
        return detect_batch(model, Decoded.of(pixels, sizing).batch, max_detections=max_detections)[0]
