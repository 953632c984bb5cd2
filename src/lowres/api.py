"""The Python way in: `load`, `predict`, `benchmark`.

import lowres.api as lowres
detector = lowres.load("outputs/student")          # or "outputs/export/model.onnx"
found = lowres.predict(detector, "street.jpg")     # boxes in pixels of the image, scores, labels
                                                   # of a classifier: class probabilities
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

import numpy as np

from lowres.data.images import decode_photo
from lowres.loaded.choose import load_file, load_folder
from lowres.loaded.model import Classifier, Detector
from lowres.records import ImageDetections

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def load(model: str | Path) -> Detector | Classifier:
    """A detector or classifier from a model folder or an exported ONNX file; ValueError for anything else."""
    path = Path(model)
    if path.suffix == ".onnx":
        return load_file(path)
    if not path.exists():
        raise ValueError(f"{path}: no such model; give a model folder or an .onnx file")
    return load_folder(path)


@overload
def predict(model: Detector, image: str | Path | np.ndarray) -> ImageDetections: ...
@overload
def predict(model: Classifier, image: str | Path | np.ndarray) -> np.ndarray: ...
def predict(model: Detector | Classifier, image: str | Path | np.ndarray) -> ImageDetections | np.ndarray:
    """Detections in one image, or the class probabilities [c] of it.

    The image is a file, turned as its EXIF data say, or RGB pixels uint8 [h, w, 3]. ValueError for what is no image.
    """
    pixels = _pixels(image)
    return model.detect_one(pixels) if isinstance(model, Detector) else model.classify_one(pixels)


def benchmark(model: str | Path, encoded: list[bytes], *, repeats: int = 100) -> dict[str, Any]:
    """What a model costs on this machine for these encoded images: parameters, multiply-adds, latency, memory."""
    return load(model).cost(encoded, repeats=repeats)


def find_images(pattern: str) -> list[Path]:
    """Files of a path, folder or glob, sorted; ValueError if there is none."""
    if not pattern:
        raise ValueError("images: nothing is named; give a file, a folder or a glob")
    path = Path(pattern)
    if path.is_file():
        return [path]
    candidates: Iterator[Path]
    if path.is_dir():
        candidates = path.rglob("*")
    else:
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        candidates = anchor.glob(str(path.relative_to(path.anchor)) if path.is_absolute() else pattern)
    found = sorted(file for file in candidates if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        raise ValueError(f"{pattern}: no image found; give a file, a folder or a glob of {', '.join(sorted(SUFFIXES))}")
    return found


def _pixels(image: str | Path | np.ndarray) -> np.ndarray:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image: got {image.dtype} of shape {image.shape}; give RGB pixels, uint8 [h, w, 3]")
        return image
    path = Path(image)
    if not path.is_file():
        raise ValueError(f"{path}: no such image")
    return decode_photo(path.read_bytes())
