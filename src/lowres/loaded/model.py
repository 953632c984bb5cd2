"""What a loaded model can do, whether PyTorch or ONNX Runtime runs it."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from lowres.records import ImageDetections


class Loaded(Protocol):
    """A model of any task."""

    @property
    def task(self) -> str:
        """The name of its task."""
        ...

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        ...

    def cost(self, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
        """What it costs on this machine for these encoded images, `repeats` of them timed."""
        ...


@runtime_checkable
class Detector(Loaded, Protocol):
    """A model that finds objects."""

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        ...


@runtime_checkable
class Classifier(Loaded, Protocol):
    """A model that names an image."""

    def classify_one(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities [c] of an image uint8 [h, w, 3] RGB of any size."""
        ...


@runtime_checkable
class ShowsThumbnail(Protocol):
    """A model whose thumbnail can be looked at; an ONNX file keeps it inside."""

    def thumbnail(self, pixels: np.ndarray) -> np.ndarray:
        """What the network is given of an image uint8 [h, w, 3] RGB: uint8 [i, j, 3]."""
        ...
