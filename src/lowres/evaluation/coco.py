"""COCO detection metrics, and average precision by object size in thumbnail pixels.

The numbers are pycocotools' (see `matching` for what surrounds it), or on request those of a faster engine that is held
against it; they name their engine. What COCO leaves undefined (pycocotools' -1: no object of that size or class) is
None here.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from lowres.evaluation.checks import check_detections, check_truth
from lowres.evaluation.fast_tables import hotcoco_tables, hotcoco_version
from lowres.evaluation.matching import (
    InputScale,
    Matches,
    SizeRange,
    accumulate,
    count_objects,
    defined_mean,
    match,
)
from lowres.records import ImageDetections, ImageTruth

COCO_AREA_RANGES = {  # px^2, both ends included as in COCO: an object of exactly 32^2 is small and medium
    "all": SizeRange("area", 0.0, 1e5**2),
    "small": SizeRange("area", 0.0, 32.0**2),
    "medium": SizeRange("area", 32.0**2, 96.0**2),
    "large": SizeRange("area", 96.0**2, 1e5**2),
}
THUMBNAIL_BINS_PX = (0.0, 2.0, 4.0, 8.0, 16.0, math.inf)
AT_IOU_50, AT_IOU_75 = 0, 5
Engine = Literal["pycocotools", "hotcoco"]


@dataclass(frozen=True)
class ClassMetrics:
    """Average precision of one class; None where the truth has no object of it."""

    ap: float | None
    ap50: float | None
    num_objects: int


@dataclass(frozen=True)
class SizeMetrics:
    """Objects whose long side on the thumbnail is in [low_px, high_px); `high_px` None is no upper limit."""

    low_px: float
    high_px: float | None
    num_objects: int
    ap: float | None
    ap50: float | None
    ar: float | None


@dataclass(frozen=True)
class DetectionMetrics:
    """COCO's summary, each value in [0, 1], or None where it is undefined.

    AP is averaged over IoU 0.50 to 0.95 and over classes with objects. `ar_k` is the recall with the k highest scores
    per image and class (at most `max_detections`). Crowds are never counted as objects. `engine` is the library that
    computed the numbers, with its version.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar_1: float | None
    ar_10: float | None
    ar_100: float | None
    num_images: int
    num_objects: int
    num_detections: int
    max_detections: int
    thumbnail_ratio: float
    engine: str
    per_class: dict[str, ClassMetrics]
    by_thumbnail_size: list[SizeMetrics]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and None, ready for JSON."""
        return asdict(self)


def evaluate_detections(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    class_names: Sequence[str],
    max_detections: int = 100,
    thumbnail_ratio: float = 1.0,
    thumbnail_bins_px: Sequence[float] = THUMBNAIL_BINS_PX,
    input_scale: InputScale | None = None,
    engine: Engine = "pycocotools",
) -> DetectionMetrics:
    """COCO metrics of detections against truth, both in pixels of the stored image.

    Every image of the truth counts: one without objects can only hold false positives, one without detections only
    misses. `max_detections` is per image and class, as pycocotools counts. The order of detections decides between
    equal scores only. An object's thumbnail size is the long side of its box, brought to the model's input by
    `input_scale` (None: images are not resized), over `thumbnail_ratio`, the input pixels per thumbnail pixel.
    Raises `ValueError` for what `checks` refuses, repeated class names, a limit under 1, a ratio that is not
    positive, bins that do not ascend from 0 or more, and an engine that is unknown or not installed.
    """
    if engine not in ("pycocotools", "hotcoco"):
        raise ValueError(f"engine: {engine!r} unknown; use pycocotools or hotcoco")
    size: dict[str, Any] = {"thumbnail_ratio": thumbnail_ratio, "thumbnail_bins_px": thumbnail_bins_px}
    if engine == "pycocotools":
        matches = match_detections(
            truth,
            detections,
            class_names=class_names,
            max_detections=max_detections,
            input_scale=input_scale,
            **size,
        )
        return evaluate_matches(matches, class_names=class_names, **size)
    ranges = _ranges(max_detections=max_detections, **size)
    truth, detections = _checked(truth, detections, class_names)
    limits = _limits(max_detections)
    tables = hotcoco_tables(
        truth,
        detections,
        num_classes=len(class_names),
        ranges=ranges,
        limits=limits,
        input_scale=input_scale,
    )
    return _summary(
        precision=tables.precision[..., -1],
        recall=tables.recall[..., -1],
        limited_recall=tables.recall[:, :, 0],
        objects=count_objects(truth, num_classes=len(class_names), ranges=ranges, input_scale=input_scale),
        counts={
            "num_images": len(truth),
            "num_detections": sum(len(image.scores) for image in detections),
            "max_detections": max_detections,
            "engine": hotcoco_version(),
        },
        class_names=class_names,
        **size,
    )


def evaluate_matches(
    matches: Matches,
    *,
    class_names: Sequence[str],
    thumbnail_ratio: float,
    thumbnail_bins_px: Sequence[float] = THUMBNAIL_BINS_PX,
) -> DetectionMetrics:
    """The same by pycocotools from what `match_detections` made with these arguments."""
    tables = accumulate(matches)
    limits = _limits(matches.max_detections)
    return _summary(
        precision=tables.precision[..., 0],
        recall=tables.recall[..., 0],
        limited_recall=accumulate(matches, ranges=[0], limits=limits).recall[:, :, 0],
        objects=matches.num_objects,
        counts={
            "num_images": len(matches.image_ids),
            "num_detections": matches.num_detections,
            "max_detections": matches.max_detections,
            "engine": f"pycocotools {version('pycocotools')}",
        },
        class_names=class_names,
        thumbnail_ratio=thumbnail_ratio,
        thumbnail_bins_px=thumbnail_bins_px,
    )


def _limits(max_detections: int) -> list[int]:
    return sorted({*(min(limit, max_detections) for limit in (1, 10, 100)), max_detections})


def _summary(
    *,
    precision: np.ndarray,
    recall: np.ndarray,
    limited_recall: np.ndarray,
    objects: np.ndarray,
    counts: dict[str, Any],
    class_names: Sequence[str],
    thumbnail_ratio: float,
    thumbnail_bins_px: Sequence[float],
) -> DetectionMetrics:
    """From precision [10, 101, class, range], recall [10, class, range], and over all sizes [10, class, limit]."""
    all_, small, medium, large = range(4)
    limits = _limits(counts["max_detections"])
    ar_1, ar_10, ar_100 = (
        defined_mean(limited_recall[..., limits.index(min(limit, limits[-1]))]) for limit in (1, 10, 100)
    )
    return DetectionMetrics(
        ap=defined_mean(precision[..., all_]),
        ap50=defined_mean(precision[AT_IOU_50, ..., all_]),
        ap75=defined_mean(precision[AT_IOU_75, ..., all_]),
        ap_small=defined_mean(precision[..., small]),
        ap_medium=defined_mean(precision[..., medium]),
        ap_large=defined_mean(precision[..., large]),
        ar_1=ar_1,
        ar_10=ar_10,
        ar_100=ar_100,
        num_objects=int(objects[:, all_].sum()),
        thumbnail_ratio=float(thumbnail_ratio),
        per_class={
            name: ClassMetrics(
                ap=defined_mean(precision[:, :, label, all_]),
                ap50=defined_mean(precision[AT_IOU_50, :, label, all_]),
                num_objects=int(objects[label, all_]),
            )
            for label, name in enumerate(class_names)
        },
        by_thumbnail_size=[
            SizeMetrics(
                low_px=float(low),
                high_px=float(high) if math.isfinite(high) else None,
                num_objects=int(objects[:, index].sum()),
                ap=defined_mean(precision[..., index]),
                ap50=defined_mean(precision[AT_IOU_50, ..., index]),
                ar=defined_mean(recall[..., index]),
            )
            for index, (low, high) in enumerate(pairwise(thumbnail_bins_px), start=len(COCO_AREA_RANGES))
        ],
        **counts,
    )


def match_detections(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    class_names: Sequence[str],
    max_detections: int = 100,
    thumbnail_ratio: float = 1.0,
    thumbnail_bins_px: Sequence[float] = THUMBNAIL_BINS_PX,
    input_scale: InputScale | None = None,
) -> Matches:
    """Checked and matched: in COCO's four ranges of area, then in half-open bins of max(w, h) / ratio,
    w and h in pixels of the model's input.

    Arguments and errors as in `evaluate_detections`.
    """
    ranges = _ranges(
        max_detections=max_detections, thumbnail_ratio=thumbnail_ratio, thumbnail_bins_px=thumbnail_bins_px
    )
    truth, detections = _checked(truth, detections, class_names)
    return match(
        truth,
        detections,
        num_classes=len(class_names),
        ranges=ranges,
        max_detections=max_detections,
        input_scale=input_scale,
    )


def _ranges(*, max_detections: int, thumbnail_ratio: float, thumbnail_bins_px: Sequence[float]) -> list[SizeRange]:
    if max_detections < 1:
        raise ValueError(f"max_detections: {max_detections} is under 1; COCO uses 100")
    if not (math.isfinite(thumbnail_ratio) and thumbnail_ratio > 0):
        raise ValueError(f"thumbnail_ratio: {thumbnail_ratio} is not positive; give input pixels per thumbnail pixel")
    edges = [float(edge) for edge in thumbnail_bins_px]
    if len(edges) < 2 or not edges[0] >= 0 or not all(low < high for low, high in pairwise(edges)):
        raise ValueError(f"thumbnail_bins_px: {edges} does not ascend from 0 or more; give at least two edges")
    bins = [
        # a range includes both ends: ending at the greatest number under the edge makes the bins half open
        SizeRange("long_side", low * thumbnail_ratio, math.nextafter(high * thumbnail_ratio, 0.0))
        for low, high in pairwise(edges)
    ]
    return [*COCO_AREA_RANGES.values(), *bins]


def _checked(
    truth: Sequence[ImageTruth], detections: Sequence[ImageDetections], class_names: Sequence[str]
) -> tuple[list[ImageTruth], list[ImageDetections]]:
    if len(set(class_names)) != len(class_names):
        raise ValueError(f"class_names: {list(class_names)} repeats a name; names tell the classes apart in the result")
    checked = check_truth(truth, num_classes=len(class_names))
    known = [image.image_id for image in checked]
    return checked, check_detections(detections, known_image_ids=known, num_classes=len(class_names))
