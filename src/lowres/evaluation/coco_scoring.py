"""`lowres evaluate --protocol coco`: a file of results against a file of annotations, as a table and as JSON.

The numbers are pycocotools' on the same two files: widths, heights and areas are taken as they stand there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lowres.evaluation.ap_resampling import HEADLINE, headline_intervals
from lowres.evaluation.coco import (
    DetectionMetrics,
    Engine,
    evaluate_detections,
    evaluate_matches,
    match_detections,
)
from lowres.evaluation.coco_results import CocoResults
from lowres.records import ImageTruth

_TITLES = {
    "ap": "AP, IoU 0.50 to 0.95",
    "ap50": "AP at IoU 0.50",
    "ap75": "AP at IoU 0.75",
    "ap_small": "AP, area under 32^2 px",
    "ap_medium": "AP, area from 32^2 to 96^2 px",
    "ap_large": "AP, area over 96^2 px",
}
_LIMITS = (1, 10, 100)


@dataclass(frozen=True)
class ScoredCoco:
    """The metrics, their intervals over images where the engine's matches are known, and what was left aside."""

    metrics: DetectionMetrics
    intervals: dict[str, tuple[float, float] | None]  # 95 %; empty with hotcoco
    images_without_results: int  # they count, as images without detections
    objects_without_area: int  # in the annotations: their box's counts; pycocotools would fail
    boxes_without_area: int  # in the results; false positives, as in pycocotools
    unknown_categories: dict[int, int]  # detections of ids that the annotations do not have; not scored

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        own = {name: value for name, value in vars(self).items() if name not in ("metrics", "intervals")}
        intervals = {f"{name}_interval": values for name, values in self.intervals.items()}
        return {"protocol": "coco", **own, **self.metrics.as_dict(), **intervals}

    def as_text(self) -> str:
        """A table for people: the numbers of COCO, then AP by size on the thumbnail, then by class."""
        metrics = self.metrics
        lines = [
            f"COCO, by {metrics.engine}: {metrics.num_images:,} images, {metrics.num_objects:,} objects",
            f"{metrics.num_detections:,} detections, at most {metrics.max_detections} per class and image",
            "",
        ]
        recalls = {f"ar_{k}": f"AR, {min(k, metrics.max_detections)} per class and image" for k in _LIMITS}
        for name, title in (_TITLES | recalls).items():
            interval = self.intervals.get(name)
            ends = "" if interval is None else f"   95 % interval {interval[0]:.4f} to {interval[1]:.4f}"
            lines.append(f"{title:<38s}{_shown(getattr(metrics, name))}{ends}")
        lines += ["", *_by_thumbnail_size(metrics)]
        lines += ["", f"{'by class':<38s}{'AP':>7s}{'AP50':>9s}{'objects':>9s}"]
        for name, row in metrics.per_class.items():
            lines.append(f"{name:<38s}{_shown(row.ap)}  {_shown(row.ap50)}{row.num_objects:>9,}")
        remarks = {
            "images without results: they count as images without detections": self.images_without_results,
            "objects without area: their box's counts for AP by area": self.objects_without_area,
            "detections without area: they count as false positives": self.boxes_without_area,
            "detections of categories that the annotations do not have: not scored": sum(
                self.unknown_categories.values()
            ),
        }
        given = [f"{count:,} {text}" for text, count in remarks.items() if count]
        if not self.intervals:
            given.append("no intervals: they need --engine pycocotools")
        return "\n".join([*lines, "", *given] if given else lines)


def score_coco(
    truth: Sequence[ImageTruth],
    results: CocoResults,
    *,
    class_names: Sequence[str],
    max_detections: int,
    engine: Engine,
    thumbnail_ratio: float = 1.0,
    objects_without_area: int = 0,
) -> ScoredCoco:
    """Score results against truth; every image of the truth counts. `thumbnail_ratio` is image pixels per thumbnail
    pixel: images are taken for the model's input; `objects_without_area` is told on. Raises as `evaluate_detections`.
    """
    named: dict[str, Any] = {"class_names": class_names, "thumbnail_ratio": thumbnail_ratio}
    intervals: dict[str, tuple[float, float] | None] = {}
    if engine == "pycocotools":
        matches = match_detections(truth, results.detections, max_detections=max_detections, **named)
        metrics = evaluate_matches(matches, **named)
        intervals = {name: value for name, value in headline_intervals(matches).items() if name in HEADLINE}
    else:
        metrics = evaluate_detections(truth, results.detections, max_detections=max_detections, engine=engine, **named)
    return ScoredCoco(
        metrics=metrics,
        intervals=intervals,
        images_without_results=len(truth) - len(results.detections),
        objects_without_area=objects_without_area,
        boxes_without_area=results.without_area,
        unknown_categories=results.unknown_categories,
    )


def _by_thumbnail_size(metrics: DetectionMetrics) -> list[str]:
    ratio = metrics.thumbnail_ratio
    title = f"by long side, images shrunk {ratio:g} times" if ratio != 1 else "by long side (thumbnails: --ratio N)"
    lines = [f"{title:<38s}{'AP':>7s}{'AP50':>9s}{'AR':>9s}{'objects':>9s}"]
    for row in metrics.by_thumbnail_size:
        size = f"{row.low_px:g} px and more" if row.high_px is None else f"{row.low_px:g} to {row.high_px:g} px"
        lines.append(f"{size:<38s}{_shown(row.ap)}  {_shown(row.ap50)}  {_shown(row.ar)}{row.num_objects:>9,}")
    return lines


def _shown(value: float | None) -> str:
    return f"{'-':>7s}" if value is None else f"{value:>7.4f}"
