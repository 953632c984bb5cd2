"""A classifier, run by PyTorch or by ONNX Runtime (`lowres.loaded.model.Classifier`).

An image no larger than the model's thumbnails is taken for one, where the model makes thumbnails by interpolation:
enlarged to the input's size and shrunk again it would only be blurred.
"""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowres.data.images import decode_upright
from lowres.data.stretch import stretched
from lowres.export.classifier_runtime import THUMBNAIL_FILE, OnnxClassifier
from lowres.loaded.cost import file_cost, folder_cost
from lowres.models.artifact import ModelSpec
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.measuring.choose import measuring_kit_of
from lowres.stages.pictures import to_image

log = logging.getLogger(__name__)


@dataclass
class TorchClassifier:
    """A model folder, run by PyTorch; `model` is for inference (its `for_inference`)."""

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
        with torch.inference_mode():
            return self.model.classify_thumbnail(self._thumbnail(pixels)).logits[0].double().softmax(0).cpu().numpy()

    def thumbnail(self, pixels: np.ndarray) -> np.ndarray:
        """What the network is given of an image uint8 [h, w, 3] RGB, not yet enlarged: uint8 [i, i, 3]."""
        with torch.inference_mode():
            return to_image(self._thumbnail(pixels)[0])

    def _thumbnail(self, pixels: np.ndarray) -> Tensor:
        """The image as a thumbnail: stretched where it is no larger than one, else shrunk by the down-sampler."""
        kit, sizing = measuring_kit_of(self.task), self.spec.input
        side_px = sizing["short_side_px"] // self.model.ratio
        if self.model.takes_thumbnails and max(pixels.shape[:2]) <= side_px:
            return kit.size(pixels, {**sizing, "short_side_px": side_px})
        return self.model.downsampler(kit.size(pixels, sizing))

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Parameters, multiply-adds, latency and memory."""
        return folder_cost(self.folder, encoded, repeats=repeats)


@dataclass
class OnnxFileClassifier:
    """An exported file, run by ONNX Runtime; images are sized here as they were in training."""

    file: OnnxClassifier
    task = "classification"
    _told: bool = field(default=False, init=False, repr=False)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.file.class_names

    def classify_one(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities float32 [c] of an image uint8 [h, w, 3] RGB of any size.

        The first one for which another file of the export is right is logged: one that is no larger than a thumbnail
        where there is a file for such, and one that is larger where this is that file.
        """
        self._tell_of_the_other_file(pixels)
        return self._run(self._size(pixels))

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """Latency."""
        return file_cost(
            encoded,
            decode=decode_upright,
            size=self._size,
            run=self._run,
            finish=lambda found: found,
            repeats=repeats,
        )

    def _tell_of_the_other_file(self, pixels: np.ndarray) -> None:
        if self._told:
            return
        path, longest_px = self.file.path, max(pixels.shape[:2])
        ratio, beside = int(self.file.metadata.get("ratio", "1")), path.with_name(THUMBNAIL_FILE)
        side_px = self.file.side_px // ratio
        if ratio > 1 and longest_px <= side_px and beside.is_file():
            told = "%s enlarges images of %d px and less and shrinks them again, which blurs them; %s is for these"
            other = str(beside)
        elif path == beside and longest_px > side_px:
            told = "%s shrinks images of more than %d px by averaging, whatever its model does; %s is for these"
            other = "model.onnx of the same export"
        else:
            return
        self._told = True
        log.warning(told, path, side_px, other)

    def _size(self, pixels: np.ndarray) -> np.ndarray:
        return stretched(pixels, json.loads(self.file.metadata["input"])["short_side_px"])

    def _run(self, square: np.ndarray) -> np.ndarray:
        return self.file.classify([square])[0]
