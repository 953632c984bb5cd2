"""A detector, run by PyTorch or by ONNX Runtime (`lowres.loaded.model.Detector`)."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.data.images import decode_rgb
from lowres.export.runtime import OnnxDetector
from lowres.loaded.cost import file_cost, folder_cost
from lowres.models.artifact import ModelSpec
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections
from lowres.stages.measuring.one_image import Decoded, detect_image, sized
from lowres.stages.pictures import to_image

MAX_DETECTIONS = 100


@dataclass
class TorchDetector:
    """A model folder, run by PyTorch; `model` is for inference (its `for_inference`)."""

    folder: Path
    model: ThumbnailDetector
    spec: ModelSpec
    task = "detection"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.spec.class_names

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        return detect_image(self.model, pixels, self.spec.input, max_detections=MAX_DETECTIONS)

    def thumbnail(self, pixels: np.ndarray) -> np.ndarray:
        """What the detector sees of an image uint8 [h, w, 3] RGB, padding included: uint8 [i, j, 3]."""
        batch = Decoded.of(pixels, self.spec.input).batch
        with torch.inference_mode():
            thumbnail, _ = self.model.shrink(batch.pixels, batch.mask)
        return to_image(thumbnail[0])

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Parameters, multiply-adds, latency and memory."""
        return folder_cost(self.folder, encoded, repeats=repeats)


@dataclass
class OnnxFileDetector:
    """An exported file, run by ONNX Runtime; images are sized here as they were in training."""

    file: OnnxDetector
    task = "detection"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.file.class_names

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        small = self._size(pixels)
        found = self._run(small).with_positive_sides()
        scale = np.array([pixels.shape[1] / small.shape[1], pixels.shape[0] / small.shape[0]] * 2)
        return replace(found, boxes_xyxy_px=found.boxes_xyxy_px * scale)

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Latency."""
        finish = ImageDetections.with_positive_sides
        return file_cost(encoded, decode=decode_rgb, size=self._size, run=self._run, finish=finish, repeats=repeats)

    def _size(self, pixels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(sized(pixels, json.loads(self.file.metadata["input"])).pixels)

    def _run(self, small: np.ndarray) -> ImageDetections:
        return self.file.detect([small])[0]
