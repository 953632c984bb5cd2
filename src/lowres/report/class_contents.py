"""What a classifier's report is made of: plain facts, handed over by the caller; nothing here is measured or computed.

Metrics and histories come in the form in which the other stages write them as JSON. Any number may be None (or not
finite) where it is undefined or was not measured; the page shows a dash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class ClassRow:
    """One classifier that was evaluated. Its key gives its colour on the whole page.

    `metrics` is `evaluation.classification.ClassificationMetrics.as_dict()` with `top1_interval` [low, high]: top1,
    top5 and expected_calibration_error in [0, 1] or None; num_images; per_class {name: {accuracy, num_images}};
    reliability [{low, high, num_images, mean_confidence, accuracy}]. `cost` is as in `contents.Row`. What is absent
    counts as None.
    """

    key: str  # "teacher", "teacher_bicubic" and "student" are known to the summary; others are welcome
    title: str
    input_px: int | tuple[int, int]  # side of the image, or of the thumbnail, that it recognises from
    metrics: Mapping[str, Any]
    cost: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassExample:
    """One image with what the rows took it for."""

    rank: Literal["best", "median", "worst"]  # by the probability that the student gives to its class
    image_id: int
    image: np.ndarray  # uint8 [h, w, 3], RGB, at the input's size
    thumbnail: np.ndarray  # uint8 [h / ratio, w / ratio, 3], RGB, what the student recognises from
    label: int
    probabilities: Mapping[str, np.ndarray]  # {row key: [c]}, each sums to 1


@dataclass(frozen=True)
class ClassReportData:
    """All that the page shows. Only `title`, `rows` and `class_names` are needed; an absent part is named as absent.

    `histories` {stage: records} as in `history.jsonl`: {"kind": "train", "step", "loss", "terms": {name: raw value},
    "lr"} and {"kind": "evaluation", "step", "metrics": {"top1"}}. `confusion` {row key: counts [c, c]}, rows true and
    columns predicted. `drop_rate` is the fraction of the teacher's top-1 that the student loses (ThumbDet, eq. 11).
    """

    title: str
    rows: Sequence[ClassRow]
    class_names: Sequence[str]
    drop_rate: float | None = None
    histories: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    confusion: Mapping[str, np.ndarray | Sequence[Sequence[int]]] = field(default_factory=dict)
    examples: Sequence[ClassExample] = ()
    params_yaml: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
