"""COCO's headline numbers as a statistic of resampled images (see `bootstrap`), from matches that are made once.

What pycocotools accumulates over a list of images with repeats, we get from weights: a detection of an image that is
drawn twice counts twice. Precision and recall are needed at true positives only: between two of them recall stays and
precision falls, so neither the highest precision from a recall on nor the place where a recall is reached lies there.
With all weights one the numbers are pycocotools'. In resamples, all copies of a detection come before the next one of
equal score, where pycocotools would take the images one by one; without equal scores nothing differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowres.evaluation.bootstrap import intervals_around
from lowres.evaluation.coco import AT_IOU_50, AT_IOU_75, COCO_AREA_RANGES
from lowres.evaluation.matching import IOU_THRESHOLDS, RECALL_POINTS, Matches

HEADLINE = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")
_LIMITS = (1, 10, 100)  # detections per image and class, of ar_1 to ar_100
_EPSILON = np.spacing(1)  # in the denominator of precision, as in pycocotools
_MAX_CELLS = 2_000_000  # detections times resamples that are handled at once


@dataclass(frozen=True)
class _AtThreshold:
    """True positives of one class, range and IoU threshold, by descending score."""

    images: np.ndarray  # int [k], positions
    ranks: np.ndarray  # int [k], positions among the detections that count at any threshold
    within: np.ndarray  # bool [limit, k], among so many best of their image and class
    dropped_images: np.ndarray  # of detections that count at another threshold, but are ignored at this one
    dropped_before: np.ndarray  # int [k], how many of those stand before each true positive


@dataclass(frozen=True)
class _Ranked:
    """One class in one range: images of the detections that count, by descending score, and what is true of them."""

    label: int
    images: np.ndarray
    at_threshold: list[_AtThreshold]


class ApStatistic:
    """The numbers of `HEADLINE` that these areas (names of COCO's; without them all four) can tell, of resamples."""

    def __init__(self, matches: Matches, *, areas: Sequence[str] = tuple(COCO_AREA_RANGES)) -> None:
        self._areas = tuple(areas)
        indexes = [list(COCO_AREA_RANGES).index(area) for area in areas]
        self.num_images = len(matches.image_ids)
        self._ranked = [[_ranked(matches, label, index) for label in range(len(matches.cells))] for index in indexes]
        self._objects = [_objects_by_image(matches, index) for index in indexes]
        most = max((len(part.images) for part in self._ranked[0]), default=0)
        self.block = int(np.clip(_MAX_CELLS // max(1, most, self.num_images), 1, 256))

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """{name: values [b]} of weights int32 [b, n], NaN where no class has an object."""
        values = {}
        for index, area in enumerate(self._areas):
            precisions, recalls = self._means(weights, index)
            if area == "all":
                values["ap"] = precisions.mean(axis=0)
                values["ap50"], values["ap75"] = precisions[AT_IOU_50], precisions[AT_IOU_75]
                values |= {f"ar_{limit}": recall for limit, recall in zip(_LIMITS, recalls, strict=True)}
            else:
                values[f"ap_{area}"] = precisions.mean(axis=0)
        return {name: values[name] for name in HEADLINE if name in values}

    def _means(self, weights: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean precision [10, b] and recall [limit, b] over the classes that a resample has objects of."""
        objects = weights.astype(np.float64) @ self._objects[index]  # [b, class]
        precisions, recalls = (np.zeros((rows, len(weights))) for rows in (len(IOU_THRESHOLDS), len(_LIMITS)))
        for part in self._ranked[index]:
            found = objects[:, part.label] > 0
            if not found.any():
                continue
            num_objects = np.where(found, objects[:, part.label], 1.0)[:, None]
            counted = weights.take(part.images, axis=1).cumsum(axis=1, dtype=np.int32)
            for threshold, at in enumerate(part.at_threshold):
                if len(at.images):
                    precision, recall = _average_precision(weights, at, counted, num_objects)
                    precisions[threshold] += np.where(found, precision, 0.0)
                    recalls += np.where(found, recall, 0.0)
        num_classes = (objects > 0).sum(axis=1).astype(np.float64)
        num_classes[num_classes == 0] = np.nan
        return precisions / num_classes, recalls / num_classes / len(IOU_THRESHOLDS)


def headline_intervals(
    matches: Matches, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float] | None]:
    """The interval of every headline number over images, in [0, 1]; None where the number itself is undefined.

    A class without objects in a resample is left out of its mean, as COCO leaves it out. Errors as in `bootstrap`.
    """
    if not matches.image_ids:
        return dict.fromkeys(HEADLINE)
    statistic = ApStatistic(matches)
    return intervals_around(
        statistic, num_images=statistic.num_images, level=level, resamples=resamples, seed=seed, block=statistic.block
    )


def _average_precision(
    weights: np.ndarray, at: _AtThreshold, counted: np.ndarray, num_objects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision averaged over 101 recall points [b], and recall at each limit per image and class [limit, b]."""
    own = weights.take(at.images, axis=1)
    true = own.cumsum(axis=1, dtype=np.int32)
    number = counted.take(at.ranks, axis=1)
    if len(at.dropped_images):
        dropped = weights.take(at.dropped_images, axis=1).cumsum(axis=1, dtype=np.int32)
        before = np.concatenate([np.zeros((len(weights), 1), dtype=np.int32), dropped], axis=1)
        number = number - before.take(at.dropped_before, axis=1)
    precision = true / (number + _EPSILON)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALL_POINTS, true / num_objects, side="right")
    points = np.diff(reached, axis=1, prepend=0)
    kept = [true[:, -1] if within.all() else own[:, within].sum(axis=1) for within in at.within]
    return (best * points).sum(axis=1) / len(RECALL_POINTS), np.stack(kept) / num_objects[:, 0]


def _ranked(matches: Matches, label: int, index: int) -> _Ranked:
    cells = [(position, cell[index]) for position, cell in enumerate(matches.cells[label]) if cell is not None]
    counts = [len(cell["dtScores"]) for _, cell in cells]
    empty = np.zeros((len(IOU_THRESHOLDS), 0), dtype=bool)
    order = np.argsort(-np.concatenate([np.zeros(0), *(cell["dtScores"] for _, cell in cells)]), kind="stable")
    images = np.repeat(np.array([position for position, _ in cells], dtype=np.int64), counts)[order]
    places = np.concatenate([np.zeros(0, dtype=np.int64), *(np.arange(count) for count in counts)])[order]
    matched = np.concatenate([empty, *(cell["dtMatches"] for _, cell in cells)], axis=1)[:, order]
    ignored = np.concatenate([empty, *(cell["dtIgnore"] for _, cell in cells)], axis=1)[:, order]
    some = ~ignored.all(axis=0)
    images, places, matched, ignored = images[some], places[some], matched[:, some], ignored[:, some]
    at_threshold = []
    for true, dropped in zip(matched & ~ignored, ignored, strict=True):
        ranks = np.flatnonzero(true)
        at_threshold.append(
            _AtThreshold(
                images=images[ranks],
                ranks=ranks,
                within=places[ranks] < np.array(_LIMITS)[:, None],
                dropped_images=images[dropped],
                dropped_before=np.cumsum(dropped)[ranks],
            )
        )
    return _Ranked(label, images, at_threshold)


def _objects_by_image(matches: Matches, index: int) -> np.ndarray:
    """Objects that count, float64 [image, class]."""
    objects = np.zeros((len(matches.image_ids), len(matches.cells)))
    for label, cells in enumerate(matches.cells):
        for position, cell in enumerate(cells):
            if cell is not None:
                objects[position, label] = np.count_nonzero(~cell[index]["gtIgnore"])
    return objects
