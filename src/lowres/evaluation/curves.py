"""Precision at 101 recall points (COCO's interpolation): overall, by class, by object area and by thumbnail size."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lowres.evaluation.coco import AT_IOU_50, COCO_AREA_RANGES, THUMBNAIL_BINS_PX, match_detections
from lowres.evaluation.matching import RECALL_POINTS, InputScale, Matches, accumulate
from lowres.records import ImageDetections, ImageTruth


def precision_recall(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    class_names: Sequence[str],
    max_detections: int = 100,
    thumbnail_ratio: float = 1.0,
    thumbnail_bins_px: Sequence[float] = THUMBNAIL_BINS_PX,
    input_scale: InputScale | None = None,
) -> dict[str, Any]:
    """Curves ready for JSON; arguments and errors as in `coco.evaluate_detections`.

    `recall` holds the 101 points. A curve is {"iou_50": [...], "iou_50_95": [...]}, the mean precision over the classes
    that have objects, at IoU 0.5 and averaged over IoU 0.50 to 0.95; its own mean is AP50 or AP. A curve without
    objects is None. `overall` is a curve, `by_area` has small, medium and large, `per_class` one per class name, and
    `by_thumbnail_size` is a list of {"low_px", "high_px", "curve"}.
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
    return curves_of(matches, class_names=class_names, thumbnail_bins_px=thumbnail_bins_px)


def curves_of(
    matches: Matches, *, class_names: Sequence[str], thumbnail_bins_px: Sequence[float] = THUMBNAIL_BINS_PX
) -> dict[str, Any]:
    """The same curves from what `coco.match_detections` made with these arguments."""
    precision = accumulate(matches).precision[..., 0]  # [10, 101, class, range]
    by_range = [_curve(precision[..., index]) for index in range(len(matches.ranges))]
    by_area = dict(zip(COCO_AREA_RANGES, by_range, strict=False))
    return {
        "recall": RECALL_POINTS.tolist(),
        "overall": by_area.pop("all"),
        "by_area": by_area,
        "per_class": {name: _curve(precision[:, :, [label], 0]) for label, name in enumerate(class_names)},
        "by_thumbnail_size": [
            {"low_px": float(low), "high_px": float(high) if math.isfinite(high) else None, "curve": curve}
            for (low, high), curve in zip(pairwise(thumbnail_bins_px), by_range[len(COCO_AREA_RANGES) :], strict=True)
        ],
    }


def _curve(precision: np.ndarray) -> dict[str, list[float]] | None:
    """Mean over the classes with objects of [10 IoU thresholds, 101, class], where -1 marks a class without."""
    defined = precision[:, :, (precision > -1).all(axis=(0, 1))]
    if not defined.shape[2]:
        return None
    return {
        "iou_50": defined[AT_IOU_50].mean(axis=1).tolist(),
        "iou_50_95": defined.mean(axis=(0, 2)).tolist(),
    }
