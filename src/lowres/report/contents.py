"""What a report is made of: plain facts, handed over by the caller; nothing here is measured or computed.

Metrics, curves and histories come in the form in which the other stages write them as JSON. Any number may be None (or
not finite) where it is undefined or was not measured; the page shows a dash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lowres.records import ImageDetections, ImageTruth


@dataclass(frozen=True)
class Row:
    """One thing that was evaluated. Its key gives its colour on the whole page.

    `metrics` is `evaluation.coco.DetectionMetrics.as_dict()`: ap, ap50, ap75, ap_small, ap_medium, ap_large, ar_100,
    each in [0, 1] or None; per_class {name: {ap, ap50, num_objects}}; by_thumbnail_size [{low_px, high_px or None,
    num_objects, ap, ap50}]. `cost` has parameters, multiply_adds, peak_memory_bytes, threads and latency
    {decode, resize, model, total: {p50_ms, p99_ms}}. What is absent counts as None.
    """

    key: str  # "teacher", "teacher_bicubic" and "student" are known to the summary; others are welcome
    title: str
    input_px: int | tuple[int, int]  # side of a square, or limits of short and long side
    metrics: Mapping[str, Any]
    cost: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """One test image with what was found in it; boxes in pixels of `image`."""

    rank: Literal["best", "median", "worst"]
    image: np.ndarray  # uint8 [h, w, 3], RGB, the stored image
    thumbnail: np.ndarray  # uint8 [h / ratio, w / ratio, 3], RGB, what the student's detector reads
    truth: ImageTruth
    teacher: ImageDetections | None
    student: ImageDetections | None
    score: float | None = None  # what ranked it, in [0, 1]: F1 of the student


@dataclass(frozen=True)
class FrontierPoint:
    """One model in the plane of accuracy against cost; with a `key`, it takes that row's colour."""

    title: str
    ap: float | None
    multiply_adds: float | None
    latency_ms: float | None  # p50, from JPEG bytes to boxes
    key: str | None = None


@dataclass(frozen=True)
class ReportData:
    """All that the page shows. Only `title`, `rows` and `class_names` are needed; an absent part is named as absent.

    `histories` {stage: records} as in `history.jsonl`: {"kind": "train", "step", "loss", "terms": {name: raw value},
    "lr"} and {"kind": "evaluation", "step", "metrics": {"ap"}}. `pr_curves` {row key: what
    `evaluation.curves.precision_recall` returns}. `confusion` {row key: counts [c + 1, c + 1]}, rows true and columns
    predicted, the last of each for background. `drop_rate` is eq. 11 of ThumbDet as a fraction.
    """

    title: str
    rows: Sequence[Row]
    class_names: Sequence[str]
    drop_rate: float | None = None
    histories: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    pr_curves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    confusion: Mapping[str, np.ndarray | Sequence[Sequence[int]]] = field(default_factory=dict)
    score_threshold: float = 0.5  # of the drawn detections and of the confusion matrix
    examples: Sequence[Example] = ()
    thumbnail_channels: int = 3  # numbers per thumbnail pixel that the student reads; the first three are colours
    frontier: Sequence[FrontierPoint] = ()
    params_yaml: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
