"""COCO detection metrics, and average precision by object size in thumbnail pixels.

The numbers are pycocotools' (see `matching` for what surrounds it). What COCO leaves undefined (pycocotools' -1: no
object of that size or class) is None here.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from lowres.evaluation.checks import check_detections, check_truth
from lowres.evaluation.matching import InputScale, Matches, SizeRange, accumulate, defined_mean, match
from lowres.records import ImageDetections, ImageTruth

COCO_AREA_RANGES = {  # px^2, both ends included as in COCO: an object of exactly 32^2 is small and medium
    "all": SizeRange("area", 0.0, 1e5**2),
    "small": SizeRange("area", 0.0, 32.0**2),
    "medium": SizeRange("area", 32.0**2, 96.0**2),
    "large": SizeRange("area", 96.0**2, 1e5**2),
}
THUMBNAIL_BINS_PX = (0.0, 2.0, 4.0, 8.0, 16.0, math.inf)
AT_IOU_50, AT_IOU_75 = 0, 5


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
    per image and class (at most `max_detections`). Crowds are never counted as objects.
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
) -> DetectionMetrics:
    """COCO metrics of detections against truth, both in pixels of the stored image.

    Every image of the truth counts: one without objects can only hold false positives, one without detections only
    misses. `max_detections` is per image and class, as pycocotools counts. The order of detections decides between
    equal scores only. An object's thumbnail size is the long side of its box, brought to the model's input by
    `input_scale` (None: images are not resized), over `thumbnail_ratio`, the input pixels per thumbnail pixel.
    Raises `ValueError` for what `checks` refuses, repeated class names, a limit under 1, a ratio that is not
    positive, and bins that do not ascend from 0 or more.
    """
    matches = match_detections(
        truth,
        detections,
        class_names=class_names,
        max_detections=max_detections,
        thumbnail_ratio=thumbnail_ratio,
        thumbnail_bins_px=thumbnail_bins_px,
        input_scale=input_scale,
    )
    tables = accumulate(matches)
    precision, recall = tables.precision[..., 0], tables.recall[..., 0]
    all_, small, medium, large = range(4)
    limits = sorted({min(limit, max_detections) for limit in (1, 10, 100)})
    limited_recall = accumulate(matches, ranges=[all_], limits=limits).recall[:, :, 0]
    objects = matches.num_objects()
    return DetectionMetrics(
        ap=defined_mean(precision[..., all_]),
        ap50=defined_mean(precision[AT_IOU_50, ..., all_]),
        ap75=defined_mean(precision[AT_IOU_75, ..., all_]),
        ap_small=defined_mean(precision[..., small]),
        ap_medium=defined_mean(precision[..., medium]),
        ap_large=defined_mean(precision[..., large]),
        ar_1=defined_mean(limited_recall[..., limits.index(1)]),
        ar_10=defined_mean(limited_recall[..., limits.index(min(10, max_detections))]),
        ar_100=defined_mean(limited_recall[..., limits.index(min(100, max_detections))]),
        num_images=len(truth),
        num_objects=int(objects[:, all_].sum()),
        num_detections=sum(len(image.scores) for image in detections),
        max_detections=max_detections,
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
    if len(set(class_names)) != len(class_names):
        raise ValueError(f"class_names: {list(class_names)} repeats a name; names tell the classes apart in the result")
    if max_detections < 1:
        raise ValueError(f"max_detections: {max_detections} is under 1; COCO uses 100")
    if not (math.isfinite(thumbnail_ratio) and thumbnail_ratio > 0):
        raise ValueError(f"thumbnail_ratio: {thumbnail_ratio} is not positive; give input pixels per thumbnail pixel")
    edges = [float(edge) for edge in thumbnail_bins_px]
    if len(edges) < 2 or not edges[0] >= 0 or not all(low < high for low, high in pairwise(edges)):
        raise ValueError(f"thumbnail_bins_px: {edges} does not ascend from 0 or more; give at least two edges")
    truth = check_truth(truth, num_classes=len(class_names))
    known = [image.image_id for image in truth]
    detections = check_detections(detections, known_image_ids=known, num_classes=len(class_names))
    bins = [
        # a range includes both ends: ending at the greatest number under the edge makes the bins half open
        SizeRange("long_side", low * thumbnail_ratio, math.nextafter(high * thumbnail_ratio, 0.0))
        for low, high in pairwise(edges)
    ]
    return match(
        truth,
        detections,
        num_classes=len(class_names),
        ranges=[*COCO_AREA_RANGES.values(), *bins],
        max_detections=max_detections,
        input_scale=input_scale,
    )
