"""What a detector costs on this machine, from the bytes of an image to its boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from lowres.data.collate import Collate, unpack
from lowres.data.images import decode_rgb
from lowres.data.transforms import Sample, build_transforms
from lowres.evaluation.latency import end_to_end_cost
from lowres.evaluation.memory import peak_memory_bytes
from lowres.models.optimise import optimised_for_inference
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch, ImageDetections
from lowres.tasks.detect import detect_batch


@dataclass(frozen=True)
class Decoded:
    """One image, sized and batched as the detector wants it."""

    batch: Batch

    @staticmethod
    def of(pixels: np.ndarray, sizing: dict[str, Any]) -> "Decoded":
        """From RGB uint8 [h, w, 3]; `sizing` is the `input` of a detector's specification."""
        return Decoded(unpack(Collate(size_divisor=sizing["canvas_multiple_px"])([sized(pixels, sizing)])))


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


def as_used(model: ThumbnailDetector) -> ThumbnailDetector:
    """A copy that predicts the same sooner: what users run, and what is timed."""
    fast = optimised_for_inference(model)
    assert isinstance(fast, ThumbnailDetector)
    return fast


def detector_latency(
    model: ThumbnailDetector, *, encoded: Sequence[bytes], sizing: dict[str, Any], repeats: int, max_detections: int
) -> dict[str, Any]:
    """Latency of each step at batch 1, made fast as for predicting, and with how many threads."""
    model = as_used(model)
    latency = end_to_end_cost(
        encoded,
        decode=decode_rgb,
        resize=lambda pixels: Decoded.of(pixels, sizing),
        model=lambda decoded: detect_batch(model, decoded.batch, max_detections=max_detections),
        postprocess=lambda found, _: found,
        warmup=3,
        repeats=repeats,
    )
    machine = latency.pop("machine")
    return {"latency": latency, "threads": machine["threads"]}


def detector_memory(load: Callable[[], ThumbnailDetector], *, encoded: bytes, sizing: dict[str, Any]) -> dict[str, int]:
    """Peak memory of a process of its own that loads the model by `load` and detects in one image."""
    memory = peak_memory_bytes(load, partial(_detect_once, encoded, sizing), repeats=2)
    return {"peak_memory_bytes": memory.peak_bytes, "loaded_memory_bytes": memory.loaded_bytes}


def _detect_once(encoded: bytes, sizing: dict[str, Any], model: ThumbnailDetector) -> None:
    detect_image(model, decode_rgb(encoded), sizing, max_detections=100)
