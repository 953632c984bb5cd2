"""The Python way in: `load`, `predict`, `benchmark`.

import lowres.api as lowres
detector = lowres.load("outputs/student")          # or "outputs/export/model.onnx"
found = lowres.predict(detector, "street.jpg")     # boxes in pixels of the image, scores, labels
"""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from lowres.data.images import decode_photo, decode_rgb
from lowres.evaluation.latency import end_to_end_cost
from lowres.evaluation.machine import machine_facts
from lowres.export.runtime import OnnxDetector
from lowres.models.artifact import ModelSpec, load_detector
from lowres.models.assemble import ThumbnailModel
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections
from lowres.stages.cost import as_used, latency_of, memory_of, size_of
from lowres.stages.measuring.choose import measuring_kit_of
from lowres.stages.measuring.one_image import detect_image, sized

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Detector(Protocol):
    """What `predict` and `benchmark` need: names of the classes, and detections of one RGB image."""

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        ...

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        ...


@dataclass
class TorchDetector:
    """A model folder, run by PyTorch."""

    folder: Path
    model: ThumbnailDetector
    spec: ModelSpec

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.spec.class_names

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        return detect_image(self.model, pixels, self.spec.input, max_detections=100)


@dataclass
class OnnxFile:
    """An exported file, run by ONNX Runtime; images are sized here as they were in training."""

    file: OnnxDetector
    sizing: dict[str, Any]

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, by label."""
        return self.file.class_names

    def detect_one(self, pixels: np.ndarray) -> ImageDetections:
        """Detections in an image uint8 [h, w, 3] RGB, in its pixels."""
        small = self.size(pixels)
        found = self.file.detect([small])[0].with_positive_sides()
        scale = np.array([pixels.shape[1] / small.shape[1], pixels.shape[0] / small.shape[0]] * 2)
        return replace(found, boxes_xyxy_px=found.boxes_xyxy_px * scale)

    def size(self, pixels: np.ndarray) -> np.ndarray:
        """An image uint8 [h, w, 3] at the size at which the file wants it."""
        return np.ascontiguousarray(sized(pixels, self.sizing).pixels)


def load(model: str | Path) -> Detector:
    """A detector from a model folder or an exported ONNX file; ValueError for anything else."""
    path = Path(model)
    if path.suffix == ".onnx":
        file = OnnxDetector(path, threads=torch.get_num_threads())
        return OnnxFile(file, json.loads(file.metadata["input"]))
    if not path.exists():
        raise ValueError(f"{path}: no such model; give a model folder or an .onnx file")
    stored, spec = load_detector(path)
    fast = as_used(stored)
    assert isinstance(fast, ThumbnailDetector)
    return TorchDetector(path, fast, spec)


def predict(detector: Detector, image: str | Path | np.ndarray) -> ImageDetections:
    """Detections in one image: a file, turned as its EXIF data say, or RGB pixels uint8 [h, w, 3].

    ValueError for what is no image.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image: got {image.dtype} of shape {image.shape}; give RGB pixels, uint8 [h, w, 3]")
        return detector.detect_one(image)
    path = Path(image)
    if not path.is_file():
        raise ValueError(f"{path}: no such image")
    return detector.detect_one(decode_photo(path.read_bytes()))


def find_images(pattern: str) -> list[Path]:
    """Files of a path, folder or glob, sorted; ValueError if there is none."""
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


def benchmark(model: str | Path, encoded: list[bytes], *, repeats: int = 100) -> dict[str, Any]:
    """What a model costs on this machine for these encoded images: parameters, multiply-adds, latency, memory."""
    detector = load(model)
    if isinstance(detector, OnnxFile):
        return _onnx_cost(detector, encoded, repeats)
    stored, spec = load_detector(Path(model))
    kit = measuring_kit_of(spec.task)
    load_again = functools.partial(_load_model, str(model))
    return {
        **size_of(kit, stored, encoded=encoded[0], sizing=spec.input),
        "ratio": stored.ratio,
        **latency_of(kit, stored, encoded=encoded, sizing=spec.input, repeats=repeats),
        **memory_of(kit, load_again, encoded=encoded[0], sizing=spec.input),
        "machine": machine_facts(),
    }


def _onnx_cost(detector: OnnxFile, encoded: list[bytes], repeats: int) -> dict[str, Any]:
    """Latency alone: a file of operators knows neither its parameters nor its multiply-adds."""
    latency = end_to_end_cost(
        encoded,
        decode=decode_rgb,
        resize=detector.size,
        model=lambda small: detector.file.detect([small])[0],
        postprocess=lambda found, _: found.with_positive_sides(),
        warmup=5,
        repeats=repeats,
    )
    machine = latency.pop("machine")
    return {"latency": latency, "threads": machine["threads"], "machine": machine}


def _load_model(folder: str) -> ThumbnailModel:
    return as_used(load_detector(Path(folder))[0])
