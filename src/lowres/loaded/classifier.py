"""A classifier, run by PyTorch or by ONNX Runtime (`lowres.loaded.model.Classifier`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.data.stretch import stretched
from lowres.export.classifier_runtime import OnnxClassifier
from lowres.loaded.cost import file_cost, folder_cost
from lowres.models.artifact import ModelSpec
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.measuring.choose import measuring_kit_of
from lowres.stages.pictures import to_image


@dataclass
class TorchClassifier:
    """A model folder, run by PyTorch; `model` is as used (`lowres.stages.cost.as_used`)."""

    folder: Path
    model: ThumbnailClassifier
    spec: ModelSpec
    task = "classification"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.spec.class_names

    def classify_one(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities float64 [c] of an image uint8 [h, w, 3] RGB of any size."""
        kit = measuring_kit_of(self.task)
        return kit.run(self.model, kit.size(pixels, self.spec.input))

    def thumbnail(self, pixels: np.ndarray) -> np.ndarray:
        """What the network is given of an image uint8 [h, w, 3] RGB, not yet enlarged: uint8 [i, i, 3]."""
        inputs = measuring_kit_of(self.task).size(pixels, self.spec.input)
        with torch.inference_mode():
            return to_image(self.model.downsampler(inputs)[0])

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Parameters, multiply-adds, latency and memory."""
        return folder_cost(self.folder, encoded, repeats=repeats)


@dataclass
class OnnxFileClassifier:
    """An exported file, run by ONNX Runtime; images are sized here as they were in training."""

    file: OnnxClassifier
    task = "classification"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.file.class_names

    def classify_one(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities float32 [c] of an image uint8 [h, w, 3] RGB of any size."""
        return self._run(self._size(pixels))

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Latency."""
        return file_cost(encoded, size=self._size, run=self._run, finish=lambda found: found, repeats=repeats)

    def _size(self, pixels: np.ndarray) -> np.ndarray:
        return stretched(pixels, json.loads(self.file.metadata["input"])["short_side_px"])

    def _run(self, square: np.ndarray) -> np.ndarray:
        return self.file.classify([square])[0]
