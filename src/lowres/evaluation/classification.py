"""Accuracy, confusion and calibration of a classifier, from its class probabilities.

The predicted class is the most probable one, the first of equals; the confidence is its probability.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClassAccuracy:
    """Fraction of one class's images that were recognised; None where the class has no image."""

    accuracy: float | None
    num_images: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Images whose confidence is in (low, high]; the means are None where there is none."""

    low: float
    high: float
    num_images: int
    mean_confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class ClassificationMetrics:
    """Fractions in [0, 1].

    `top5` is None with fewer than six classes, where it says nothing. `confusion[t][p]` counts images of class t that
    were taken for p, in the order of the class names. `expected_calibration_error` is the mean gap of confidence and
    accuracy over the bins of `reliability`, weighted by their images (Guo et al. 2017, arXiv:1706.04599, eq. 3).
    """

    top1: float
    top5: float | None
    expected_calibration_error: float
    num_images: int
    per_class: dict[str, ClassAccuracy]
    confusion: list[list[int]]
    reliability: list[ReliabilityBin]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and None, ready for JSON."""
        return asdict(self)


def evaluate_classes(
    probabilities: np.ndarray, labels: np.ndarray, *, class_names: Sequence[str], bins: int = 15
) -> ClassificationMetrics:
    """Metrics of probabilities [n c] against labels [n] from 0 to c - 1; `bins` of confidence have equal width.

    Between equal probabilities the lower class ranks first, in top-5 too. Raises `ValueError` for no images, arrays
    that disagree, probabilities that are not finite, outside [0, 1] or off a sum of 1 by over 1e-3, labels that are no
    integers or out of range, repeated class names, and fewer than one bin.
    """
    if len(set(class_names)) != len(class_names):
        raise ValueError(f"class_names: {list(class_names)} repeats a name; names tell the classes apart in the result")
    if bins < 1:
        raise ValueError(f"bins: {bins} is under 1; Guo et al. use 15")
    probabilities, labels = _checked(probabilities, labels)
    num_images, num_classes = probabilities.shape
    if num_classes != len(class_names):
        raise ValueError(f"probabilities: {num_classes} columns for {len(class_names)} class names; give one per class")
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    reliability = _reliability(probabilities.max(axis=1), predicted == labels, bins)
    return ClassificationMetrics(
        top1=float(np.mean(predicted == labels)),
        top5=float(np.mean(_ranks(probabilities, labels) < 5)) if num_classes > 5 else None,
        expected_calibration_error=sum(_gap(bin_) * bin_.num_images / num_images for bin_ in reliability),
        num_images=num_images,
        per_class={
            name: ClassAccuracy(float(row[label] / row.sum()) if row.any() else None, int(row.sum()))
            for label, (name, row) in enumerate(zip(class_names, confusion))
        },
        confusion=confusion.tolist(),
        reliability=reliability,
    )


def top1_interval(
    probabilities: np.ndarray, labels: np.ndarray, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of top-1 over images: (low, high), fractions in [0, 1], the same for a same seed.

    It tells how much top-1 depends on which images were tested, not on the seed of a training. Where all images or none
    are recognised the interval is a point. Raises `ValueError` for what `evaluate_classes` refuses in arrays, a level
    outside (0, 1), and fewer than one resample.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: {level} is outside (0, 1); 0.95 is a 95 % interval")
    if resamples < 1:
        raise ValueError(f"resamples: {resamples} is under 1; use some thousands")
    probabilities, labels = _checked(probabilities, labels)
    hits = probabilities.argmax(axis=1) == labels
    # n draws with replacement from n hits and misses: the number of hits among them is binomial.
    resampled = np.random.default_rng(seed).binomial(len(hits), hits.mean(), size=resamples) / len(hits)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _ranks(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before the true one, [n]."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    lower = np.arange(probabilities.shape[1]) < labels[:, None]
    return ((probabilities > own) | ((probabilities == own) & lower)).sum(axis=1)


def _reliability(confidence: np.ndarray, hit: np.ndarray, bins: int) -> list[ReliabilityBin]:
    edges = np.linspace(0.0, 1.0, bins + 1)
    # Left of equals: a bin includes its upper edge.
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    table = []
    for number, (low, high) in enumerate(pairwise(edges.tolist())):
        inside = index == number
        some = bool(inside.any())
        table.append(
            ReliabilityBin(
                low=low,
                high=high,
                num_images=int(inside.sum()),
                mean_confidence=float(confidence[inside].mean()) if some else None,
                accuracy=float(hit[inside].mean()) if some else None,
            )
        )
    return table


def _gap(bin_: ReliabilityBin) -> float:
    if bin_.mean_confidence is None or bin_.accuracy is None:
        return 0.0
    return abs(bin_.accuracy - bin_.mean_confidence)


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"probabilities have shape {probabilities.shape}, labels {labels.shape}; give [n, c] and [n], "
            "a row and a label per image"
        )
    if not probabilities.size:
        raise ValueError(f"probabilities have shape {probabilities.shape}: there is no image or no class to evaluate")
    sums = probabilities.sum(axis=1)
    _refuse(np.argwhere(~np.isfinite(probabilities)), probabilities, "not finite; find what made it")
    outside = np.argwhere((probabilities < 0) | (probabilities > 1 + 1e-3))
    _refuse(outside, probabilities, "outside [0, 1]; give probabilities, not logits")
    unequal = np.argwhere(np.abs(sums - 1) > 1e-3)
    _refuse(unequal, sums, "the row's sum, off 1 by over 0.001; give the softmax over all classes")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; give integers from 0 to {probabilities.shape[1] - 1}")
    wrong = (labels < 0) | (labels >= probabilities.shape[1])
    if wrong.any():
        image = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"labels: image {image} has label {labels[image]}, outside 0 to {probabilities.shape[1] - 1}; "
            "labels count the classes from 0"
        )
    return probabilities, labels.astype(np.int64)


def _refuse(wrong: np.ndarray, values: np.ndarray, why: str) -> None:
    if len(wrong):
        first = tuple(wrong[0].tolist())
        raise ValueError(f"probabilities: image {first[0]} has {values[first]:g}, {why}")
