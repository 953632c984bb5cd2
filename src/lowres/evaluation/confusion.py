"""What is taken for what: the confusion matrix of a detector, and per-image counts that find its best and worst images.

Both take detections from the highest score down, one to one. IoU is pycocotools'. A crowd is neither found nor missed:
a left-over detection of its class that lies in it (intersection over the detection's own area) is not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowres.evaluation.checks import check_detections, check_truth
from lowres.evaluation.matching import box_ious
from lowres.records import ImageDetections, ImageTruth


@dataclass(frozen=True)
class ImageMatch:
    """Objects found, false alarms and misses in one image, and the mean IoU of what was found (None if nothing was)."""

    image_id: int
    true_positives: int
    false_positives: int
    false_negatives: int
    mean_iou: float | None

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN) in [0, 1]; None where there was nothing to find and nothing was found."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else None


def confusion_matrix(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    num_classes: int,
    score_threshold: float,
    iou_threshold: float = 0.5,
) -> np.ndarray:
    """Counts [c + 1, c + 1], int64: rows are true classes, columns predicted ones, the last of each is background.

    Whatever its class, each detection with a score of at least `score_threshold` takes the free object of highest IoU,
    if that is at least `iou_threshold` (between equal IoUs its own class first). The last row holds false alarms, the
    last column misses. Raises `ValueError` for what `checks` refuses and thresholds outside [0, 1] (IoU: above 0).
    """
    counts = np.zeros((num_classes + 1, num_classes + 1), dtype=np.int64)
    for image, found in _kept_pairs(truth, detections, num_classes, score_threshold, iou_threshold):
        taken_by = _take_greedily(image, found, iou_threshold, same_class=False)
        hit = taken_by >= 0
        np.add.at(counts, (image.labels[taken_by[hit]], found.labels[hit]), 1)
        left = ~hit & ~_in_crowd(image, found, iou_threshold)
        np.add.at(counts[num_classes], found.labels[left], 1)
        np.add.at(counts[:, num_classes], image.labels[_missed(image, taken_by)], 1)
    return counts


def match_images(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    num_classes: int,
    score_threshold: float,
    iou_threshold: float = 0.5,
) -> list[ImageMatch]:
    """Per image of the truth, in its order, the counts at one working point; a match needs the same class.

    Thresholds and errors as in `confusion_matrix`.
    """
    matches = []
    for image, found in _kept_pairs(truth, detections, num_classes, score_threshold, iou_threshold):
        taken_by = _take_greedily(image, found, iou_threshold, same_class=True)
        hit = taken_by >= 0
        ious = box_ious(found.boxes_xywh_px, image.boxes_xywh_px, image.iscrowd)[hit, taken_by[hit]]
        matches.append(
            ImageMatch(
                image_id=image.image_id,
                true_positives=int(hit.sum()),
                false_positives=int((~hit & ~_in_crowd(image, found, iou_threshold)).sum()),
                false_negatives=len(_missed(image, taken_by)),
                mean_iou=float(ious.mean()) if ious.size else None,
            )
        )
    return matches


def best_median_worst(matches: Sequence[ImageMatch], count: int) -> dict[str, list[int]]:
    """Image ids to look at, `count` of each kind, no image twice; images with nothing to tell (F1 None) are left out.

    Images rank by F1, then by more objects involved (a perfect image with five signs says more than one with one, a
    hopeless one too), then by mean IoU, then by id. With fewer than three times `count` images the kinds share evenly,
    the median first.
    """
    told = [match for match in matches if match.f1 is not None]
    ranked = sorted(told, key=_rank)
    share = min(count, len(ranked) // 3 + (len(ranked) % 3 > 1))
    middle = min(count, len(ranked) - 2 * share)
    start = (len(ranked) - middle) // 2
    ids = [match.image_id for match in ranked]
    return {"best": ids[::-1][:share], "median": ids[start : start + middle], "worst": ids[:share]}


def _rank(match: ImageMatch) -> tuple[float, float, float, int]:
    f1 = match.f1 or 0.0
    involved = match.true_positives + match.false_positives + match.false_negatives
    return f1, involved if f1 >= 0.5 else -involved, match.mean_iou or 0.0, -match.image_id


def _kept_pairs(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    num_classes: int,
    score_threshold: float,
    iou_threshold: float,
) -> list[tuple[ImageTruth, ImageDetections]]:
    """Every image of the truth with its detections at or above the score threshold, by descending score."""
    if not 0 <= score_threshold <= 1:
        raise ValueError(f"score_threshold: {score_threshold} is outside [0, 1]")
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold: {iou_threshold} is outside (0, 1]; COCO's first is 0.5")
    truth = check_truth(truth, num_classes=num_classes)
    known = [image.image_id for image in truth]
    detections = check_detections(detections, known_image_ids=known, num_classes=num_classes)
    by_image = {image.image_id: image for image in detections}
    nothing = (np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))
    pairs = []
    for image in truth:
        found = by_image.get(image.image_id, ImageDetections(image.image_id, *nothing))
        order = np.argsort(-found.scores, kind="stable")
        order = order[found.scores[order] >= score_threshold]
        pairs.append((image, found.at(order)))
    return pairs


def _take_greedily(image: ImageTruth, found: ImageDetections, iou_threshold: float, *, same_class: bool) -> np.ndarray:
    """Index of the object that each detection takes, -1 for none; detections come by descending score."""
    taken_by = np.full(len(found.scores), -1, dtype=np.int64)
    if not len(found.scores) or not len(image.labels):
        return taken_by
    agrees = found.labels[:, None] == image.labels[None, :]
    ious = box_ious(found.boxes_xywh_px, image.boxes_xywh_px, image.iscrowd)
    allowed = (ious >= iou_threshold) & ~image.iscrowd[None, :]
    if same_class:
        allowed &= agrees
    for row in range(len(ious)):
        columns = np.flatnonzero(allowed[row])
        if columns.size:
            best = max(columns.tolist(), key=lambda column, row=row: (ious[row, column], agrees[row, column]))
            taken_by[row] = best
            allowed[:, best] = False
    return taken_by


def _in_crowd(image: ImageTruth, found: ImageDetections, iou_threshold: float) -> np.ndarray:
    inside = np.zeros(len(found.scores), dtype=bool)
    if image.iscrowd.any() and len(found.scores):
        covered = box_ious(found.boxes_xywh_px, image.boxes_xywh_px[image.iscrowd], image.iscrowd[image.iscrowd])
        agrees = found.labels[:, None] == image.labels[image.iscrowd][None, :]
        inside = ((covered >= iou_threshold) & agrees).any(axis=1)
    return inside


def _missed(image: ImageTruth, taken_by: np.ndarray) -> np.ndarray:
    missed = ~image.iscrowd
    missed[taken_by[taken_by >= 0]] = False
    return np.flatnonzero(missed)
