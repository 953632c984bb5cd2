"""Accuracy, recall and F1 of traffic sign detections by the protocol of TT100K (Zhu et al., CVPR 2016).

An independent implementation of the rules of the official evaluator: IoU over 0.5, matches by descending IoU, counts of
all classes together. Where we differ: every image of the truth counts, also one that the results leave out; scores
are in [0, 1], so that the official threshold of 40 is 0.04; sizes have two definitions, since later papers (EFPN,
section IV-A2) mean areas where the data set means long sides; and the accuracy-recall curve, which the official code
only draws, has an area.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lowres.evaluation.tt100k_curve import areas_under, curve_points, ratio
from lowres.evaluation.tt100k_matching import SIZE_EDGES, SIZE_NAMES, Counts, count, possible_pairs
from lowres.evaluation.tt100k_records import SignDetections, SignTruth, Tables, tabulate
from lowres.tt100k_classes import CLASSES_45

SCORE_THRESHOLD = 0.04  # the official default, 40 of 1000
IOU_THRESHOLD = 0.5
CURVE_THRESHOLDS = 100


@dataclass(frozen=True)
class Scores:
    """Results of one size (and one class, or all together); ratios in [0, 1]."""

    accuracy: float  # right detections over kept detections (what others call precision); 1 where none is kept
    recall: float  # right detections over objects; 1 where there is no object
    f1: float  # harmonic mean of the two; 0 where both are 0
    auc: float | None  # area under accuracy over recall; None without an object or a detection of this size
    num_right: int
    num_detections: int
    num_objects: int


@dataclass(frozen=True)
class Curve:
    """Accuracy over recall as the score threshold rises; accuracy never falls along it.

    It begins at recall 1 with accuracy 0, has one point per threshold, and ends at recall 0 with accuracy 1.
    """

    thresholds: list[float]  # 100, from 0 to the highest score of any class
    accuracy: list[float]  # 102
    recall: list[float]  # 102


@dataclass(frozen=True)
class Tt100kMetrics:
    """The protocol's numbers at `score_threshold`, by long side in px and by area in px^2, and the curves."""

    score_threshold: float
    iou_threshold: float
    num_images: int
    num_detections: int  # of evaluated classes, at any score
    other_class_objects: int  # not evaluated
    other_class_detections: int
    by_long_side: dict[str, Scores]  # small [0, 32), medium [32, 96), large [96, 400), all [0, 400)
    by_area: dict[str, Scores]  # small [0, 32^2), medium [32^2, 96^2), large [96^2, inf), all
    per_class: dict[str, dict[str, dict[str, Scores]]]  # class -> "long_side" or "area" -> size
    curves: dict[str, dict[str, Curve]]  # "long_side" or "area" -> size; empty without detections

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and None, ready for JSON."""
        return asdict(self)


def evaluate_tt100k(
    truth: Sequence[SignTruth],
    detections: Sequence[SignDetections],
    *,
    score_threshold: float = SCORE_THRESHOLD,
    class_names: Sequence[str] = CLASSES_45,
    iou_threshold: float = IOU_THRESHOLD,
) -> Tt100kMetrics:
    """The protocol's numbers for one split; signs and detections of other classes are ignored and counted.

    A detection is kept at a score of `score_threshold` or more (the curve has thresholds of its own). Raises
    `ValueError` for what `tabulate` refuses and for thresholds outside [0, 1].
    """
    _check_thresholds(score_threshold, iou_threshold)
    tables = tabulate(truth, detections, class_names=class_names)
    pairs = possible_pairs(tables.truth, tables.found, iou_threshold=iou_threshold)
    levels = _levels(tables)
    at_threshold, along = (
        count(
            tables.truth,
            tables.found,
            pairs,
            thresholds=thresholds,
            groups=(tables.truth.label, tables.found.label),
            num_groups=len(class_names),
        )
        for thresholds in (np.array([score_threshold]), levels)
    )
    class_scores = _scores(at_threshold, areas_under(along))
    scores = _scores(at_threshold.together(), areas_under(along.together()))
    accuracy, recall = curve_points(along.together())
    return Tt100kMetrics(
        score_threshold=float(score_threshold),
        iou_threshold=float(iou_threshold),
        num_images=len(truth),
        num_detections=len(tables.found.label),
        other_class_objects=tables.other_class_objects,
        other_class_detections=tables.other_class_detections,
        by_long_side=scores["long_side"][0],
        by_area=scores["area"][0],
        per_class={
            name: {measure: class_scores[measure][label] for measure in SIZE_EDGES}
            for label, name in enumerate(class_names)
        },
        curves={}
        if tables.highest_score is None
        else {
            measure: {
                size: Curve(levels.tolist(), accuracy[:, m, 0, s].tolist(), recall[:, m, 0, s].tolist())
                for s, size in enumerate(SIZE_NAMES)
            }
            for m, measure in enumerate(SIZE_EDGES)
        },
    )


def count_per_image(
    truth: Sequence[SignTruth],
    detections: Sequence[SignDetections],
    *,
    score_threshold: float = SCORE_THRESHOLD,
    class_names: Sequence[str] = CLASSES_45,
    iou_threshold: float = IOU_THRESHOLD,
) -> Counts:
    """The counts behind `evaluate_tt100k`, with one group per image in the order of the truth.

    Images do not depend on each other: a bootstrap sums any choice of them, repeats included, and takes ratios.
    """
    _check_thresholds(score_threshold, iou_threshold)
    tables = tabulate(truth, detections, class_names=class_names)
    return _by_image(tables, np.array([score_threshold]), num_images=len(truth), iou_threshold=iou_threshold)


def curve_per_image(
    truth: Sequence[SignTruth],
    detections: Sequence[SignDetections],
    *,
    class_names: Sequence[str] = CLASSES_45,
    iou_threshold: float = IOU_THRESHOLD,
) -> Counts:
    """The same at the thresholds of the curve."""
    _check_thresholds(0.0, iou_threshold)
    tables = tabulate(truth, detections, class_names=class_names)
    return _by_image(tables, _levels(tables), num_images=len(truth), iou_threshold=iou_threshold)


def _by_image(tables: Tables, thresholds: np.ndarray, *, num_images: int, iou_threshold: float) -> Counts:
    return count(
        tables.truth,
        tables.found,
        possible_pairs(tables.truth, tables.found, iou_threshold=iou_threshold),
        thresholds=thresholds,
        groups=(tables.truth.image, tables.found.image),
        num_groups=num_images,
    )


def _levels(tables: Tables) -> np.ndarray:
    """Thresholds of the curve: from 0 to the highest score of any class."""
    return np.linspace(0.0, tables.highest_score or 0.0, CURVE_THRESHOLDS)


def _check_thresholds(score_threshold: float, iou_threshold: float) -> None:
    for name, value in (("score_threshold", score_threshold), ("iou_threshold", iou_threshold)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: {value} is outside [0, 1]; divide an official score threshold by 1000")


def _scores(counts: Counts, auc: np.ndarray) -> dict[str, list[dict[str, Scores]]]:
    """Scores at the first threshold: size definition -> [group] -> size."""
    right, kept, objects = counts.right[0], counts.detections[0], counts.objects
    accuracy, recall = ratio(right, kept), ratio(right, objects)
    total = accuracy + recall
    f1 = np.divide(2 * accuracy * recall, total, out=np.zeros_like(total), where=total > 0)

    def one(index: tuple[int, int, int]) -> Scores:
        return Scores(
            accuracy=float(accuracy[index]),
            recall=float(recall[index]),
            f1=float(f1[index]),
            auc=None if np.isnan(auc[index]) else float(auc[index]),
            num_right=int(right[index]),
            num_detections=int(kept[index]),
            num_objects=int(objects[index]),
        )

    return {
        measure: [{size: one((m, group, s)) for s, size in enumerate(SIZE_NAMES)} for group in range(right.shape[1])]
        for m, measure in enumerate(SIZE_EDGES)
    }
