"""Matches of detections with objects per image, class and size range, and pycocotools' accumulation of them.

IoU, precision and recall are computed by pycocotools. The matching between the two is pycocotools' rule (`evaluateImg`:
greedy by score, crowds and objects outside the size range last) with the same result cell by cell, which the tests
hold against the original; it is ours because pycocotools visits every pair in Python where only pairs of IoU 0.5 and
more can match, and because a size range here may be of areas or of lengths. It also leaves no annotation ids (an
object with id 0 counts as missed there), no files of results (an empty one fails) and nothing printed.

The matches of one image do not depend on other images, so `accumulate` takes any selection of images, repeats
included: a bootstrap over images needs no second matching.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pycocotools import mask
from pycocotools.cocoeval import COCOeval

from lowres.records import ImageDetections, ImageTruth

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)  # as in pycocotools
RECALL_POINTS = np.linspace(0.0, 1.0, 101)


# From width and height of a stored image to how many pixels of the model's input one of its pixels is, in x and in y.
InputScale = Callable[[int, int], tuple[float, float]]


@dataclass(frozen=True)
class SizeRange:
    """Sizes that count, both ends included: areas in px^2 of the stored image, or long sides of boxes in input px.

    An object outside is ignored together with its match; an unmatched detection outside is ignored by its own box.
    """

    measure: Literal["area", "long_side"]
    low: float
    high: float


@dataclass(frozen=True)
class Matches:
    """What was matched in each image, ready to be accumulated over any choice of images, ranges and limits."""

    cells: list[list[tuple[dict[str, Any], ...] | None]]  # [class][image]: one dict per range, None if there is nothing
    ranges: tuple[SizeRange, ...]
    image_ids: tuple[int, ...]  # ascending
    max_detections: int  # kept per image and class
    num_objects: np.ndarray  # int64 [class, range]: no crowds, size in range
    num_detections: int  # given, those beyond `max_detections` too


@dataclass(frozen=True)
class Tables:
    """Precision at 101 recall points and final recall; -1 where a class has no object in the range (as pycocotools)."""

    precision: np.ndarray  # [10 IoU thresholds, 101 recall points, class, range, limit]
    recall: np.ndarray  # [10 IoU thresholds, class, range, limit]


def match(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    num_classes: int,
    ranges: Sequence[SizeRange],
    max_detections: int,
    input_scale: InputScale | None = None,
) -> Matches:
    """Matches at ten IoU thresholds; truth and detections must have passed `checks`.

    `max_detections` bounds detections per image and class, the highest scores first; between equal scores the order
    given decides. Without `input_scale` the model's input is the stored image.
    """
    found_in = {image.image_id: image for image in detections}
    truth = sorted(truth, key=lambda image: image.image_id)
    cells: list[list[tuple[dict[str, Any], ...] | None]] = [[None] * len(truth) for _ in range(num_classes)]
    for position, image in enumerate(truth):
        for label, cell in _match_image(
            image, found_in.get(image.image_id), ranges, max_detections, input_scale
        ).items():
            cells[label][position] = cell
    return Matches(
        cells=cells,
        ranges=tuple(ranges),
        image_ids=tuple(image.image_id for image in truth),
        max_detections=max_detections,
        num_objects=count_objects(truth, num_classes=num_classes, ranges=ranges, input_scale=input_scale),
        num_detections=sum(len(image.scores) for image in detections),
    )


def accumulate(
    matches: Matches,
    *,
    images: Sequence[int] | None = None,
    ranges: Sequence[int] | None = None,
    limits: Sequence[int] | None = None,
) -> Tables:
    """Pycocotools' precision and recall over the images and ranges at these positions (default: all; repeats allowed).

    `limits` are numbers of detections per image and class, ascending and at most `max_detections` (the default).
    """
    chosen_images = range(len(matches.image_ids)) if images is None else [int(index) for index in images]
    chosen_ranges = range(len(matches.ranges)) if ranges is None else ranges
    evaluator: Any = COCOeval(iouType="bbox")
    evaluator.params.imgIds = list(range(len(chosen_images)))
    evaluator.params.catIds = list(range(len(matches.cells)))
    evaluator.params.areaRng = [[index, index] for index in range(len(chosen_ranges))]  # names: the cells are made
    evaluator.params.maxDets = [matches.max_detections] if limits is None else list(limits)
    evaluator._paramsEval = evaluator.params
    evaluator.evalImgs = [
        None if (cell := cells[image]) is None else cell[size_range]
        for cells in matches.cells
        for size_range in chosen_ranges
        for image in chosen_images
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.accumulate()
    return Tables(precision=evaluator.eval["precision"], recall=evaluator.eval["recall"])


def defined_mean(values: np.ndarray) -> float | None:
    """Mean of what pycocotools defines; None (never -1) if it defines nothing."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def long_sides(boxes_xywh_px: np.ndarray, image: ImageTruth, input_scale: InputScale | None) -> np.ndarray:
    """Long sides [n] of boxes of this image, in pixels of the model's input (without `input_scale`: as stored)."""
    scale = np.array((1.0, 1.0) if input_scale is None else input_scale(image.width, image.height))
    return (boxes_xywh_px[:, 2:] * scale).max(axis=1, initial=0)


def in_ranges(areas: np.ndarray, sides: np.ndarray, ranges: Sequence[SizeRange]) -> np.ndarray:
    """Whether sizes [n] are in each range: bool [range, n]."""
    sizes = {"area": areas, "long_side": sides}
    inside = [(sizes[r.measure] >= r.low) & (sizes[r.measure] <= r.high) for r in ranges]
    return np.array(inside, dtype=bool).reshape(len(ranges), len(areas))


def count_objects(
    truth: Sequence[ImageTruth], *, num_classes: int, ranges: Sequence[SizeRange], input_scale: InputScale | None
) -> np.ndarray:
    """Objects that count (no crowds, size in range), int64 [class, range]."""
    counts = np.zeros((num_classes, len(ranges)), dtype=np.int64)
    for image in truth:
        inside = in_ranges(image.area_px, long_sides(image.boxes_xywh_px, image, input_scale), ranges)
        np.add.at(counts, image.labels, (inside & ~image.iscrowd).T)
    return counts


def box_ious(found_xywh: np.ndarray, objects_xywh: np.ndarray, iscrowd: np.ndarray) -> np.ndarray:
    """Pycocotools' IoU, float64 [n, m]; with a crowd, intersection over the detection's own area."""
    if not len(found_xywh) or not len(objects_xywh):
        return np.zeros((len(found_xywh), len(objects_xywh)))
    found, objects = np.ascontiguousarray(found_xywh), np.ascontiguousarray(objects_xywh)
    return np.asarray(mask.iou(found, objects, iscrowd.astype(int).tolist()))


def _match_image(
    image: ImageTruth,
    found: ImageDetections | None,
    ranges: Sequence[SizeRange],
    max_detections: int,
    input_scale: InputScale | None,
) -> dict[int, tuple[dict[str, Any], ...]]:
    """The cells of one image: per class that is there or was found, one dict per range in pycocotools' form."""
    if found is None:
        found = ImageDetections(image.image_id, np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))
    order = np.argsort(-found.scores, kind="stable")
    boxes, scores, labels = found.boxes_xywh_px[order], found.scores[order], found.labels[order]
    objects = image.boxes_xywh_px
    ious = box_ious(boxes, objects, image.iscrowd)
    outside = ~in_ranges(boxes[:, 2:].prod(axis=1), long_sides(boxes, image, input_scale), ranges)
    ignored = ~in_ranges(image.area_px, long_sides(objects, image, input_scale), ranges) | image.iscrowd
    cells = {}
    for label in sorted({*image.labels.tolist(), *labels.tolist()}):
        rows = np.flatnonzero(labels == label)[:max_detections]
        columns = np.flatnonzero(image.labels == label)
        cells[label] = _match_cell(
            ious[np.ix_(rows, columns)],
            scores=scores[rows],
            iscrowd=image.iscrowd[columns].tolist(),
            ignored=ignored[:, columns],
            outside=outside[:, rows],
        )
    return cells


def _match_cell(
    ious: np.ndarray, *, scores: np.ndarray, iscrowd: list[bool], ignored: np.ndarray, outside: np.ndarray
) -> tuple[dict[str, Any], ...]:
    """One image and class: `ious` [d, g] by descending score, `ignored` [range, g], `outside` [range, d]."""
    candidates: dict[int, list[tuple[int, float]]] = {}
    reachable = np.nonzero(ious >= IOU_THRESHOLDS[0])
    for d, g, iou in zip(reachable[0].tolist(), reachable[1].tolist(), ious[reachable].tolist(), strict=True):
        candidates.setdefault(d, []).append((g, iou))
    if not candidates:  # nothing can match, whatever the range
        matched = np.zeros((len(IOU_THRESHOLDS), len(scores)), dtype=bool)
        dropped = outside[:, None, :].repeat(len(IOU_THRESHOLDS), axis=1)
        return tuple(
            {"dtScores": scores, "dtMatches": matched, "dtIgnore": dropped[index], "gtIgnore": ignored[index]}
            for index in range(len(ignored))
        )
    by_pattern: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}  # ranges that ignore the same objects match alike
    parts = []
    for index, pattern in enumerate(ignored):
        key = pattern.tobytes()
        if key not in by_pattern:
            by_pattern[key] = _match_greedily(candidates, len(scores), pattern.tolist(), iscrowd)
        matched, matched_ignored = by_pattern[key]
        dropped = matched_ignored | (~matched & outside[index])
        parts.append({"dtScores": scores, "dtMatches": matched, "dtIgnore": dropped, "gtIgnore": pattern})
    return tuple(parts)


def _match_greedily(
    candidates: dict[int, list[tuple[int, float]]], num_found: int, ignored: list[bool], iscrowd: list[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Which detections are matched, and which to an ignored object: bool [IoU threshold, d] each.

    By descending score, a detection takes the free object of highest IoU (the last one between equals), an ignored
    object only if no other is left; a crowd can be taken any number of times.
    """
    matched = np.zeros((len(IOU_THRESHOLDS), num_found), dtype=bool)
    matched_ignored = np.zeros_like(matched)
    ordered = [(d, sorted(pairs, key=lambda pair: ignored[pair[0]])) for d, pairs in candidates.items()]
    for t, threshold in enumerate(IOU_THRESHOLDS.tolist()):
        taken = [False] * len(ignored)
        for d, pairs in ordered:
            best, best_iou = -1, threshold
            for g, iou in pairs:
                if taken[g] and not iscrowd[g]:
                    continue
                if best > -1 and not ignored[best] and ignored[g]:
                    break
                if iou >= best_iou:
                    best, best_iou = g, iou
            if best > -1:
                taken[best] = True
                matched[t, d] = True
                matched_ignored[t, d] = ignored[best]
    return matched, matched_ignored
