"""What the TT100K protocol compares: signs and detections of each image, and all of them as one table of arrays.

Classes are their names ("pl40"), as in the files of the data set: a detector may know more classes than are evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST_COORDINATE_PX = 1e9  # beyond this it is no pixel, and areas would lose their digits


@dataclass(frozen=True)
class SignTruth:
    """The labelled signs of one image; boxes in pixels of the stored image, far edge exclusive."""

    image_id: str
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class SignDetections:
    """What a detector found in one image, in any order; scores in [0, 1]."""

    image_id: str
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    categories: tuple[str, ...]
    scores: np.ndarray  # float64 [n]


@dataclass(frozen=True)
class BoxTable:
    """One row per box of an evaluated class, by image and then in the order of its record."""

    image: np.ndarray  # int64 [n]: position of the image in the truth
    label: np.ndarray  # int64 [n]: position of the class among those evaluated
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    scores: np.ndarray  # float64 [n]; 1 for truth


@dataclass(frozen=True)
class Tables:
    """Truth and detections side by side, and what the class filter left out of both."""

    truth: BoxTable
    found: BoxTable
    highest_score: float | None  # of any class, as the official curve takes it; None without detections
    other_class_objects: int
    other_class_detections: int


def tabulate(truth: Sequence[SignTruth], detections: Sequence[SignDetections], *, class_names: Sequence[str]) -> Tables:
    """Checked records as arrays. Images without a record in `detections` have none.

    Raises `ValueError` for repeated class names or images, detections of an image that is not in the truth, arrays that
    disagree in length, coordinates that are not finite, reversed boxes, and scores outside [0, 1] or NaN. A box
    without width or height is let through: it can match nothing.
    """
    if not class_names or len(set(class_names)) != len(class_names):
        raise ValueError(f"class_names: {list(class_names)} is empty or repeats a name; name each class to score once")
    position: dict[str, int] = {}
    for index, image in enumerate(truth):
        if image.image_id in position:
            raise ValueError(f"truth: image {image.image_id!r} appears twice; give each image one record")
        position[image.image_id] = index
    found_at: dict[str, int] = {}
    for image in detections:
        if image.image_id not in position:
            raise ValueError(
                f"detections of image {image.image_id!r}: not in the truth; evaluate the split that was detected"
            )
        if image.image_id in found_at:
            raise ValueError(f"detections: image {image.image_id!r} appears twice; give each image one record")
        found_at[image.image_id] = position[image.image_id]
    label_of = {name: label for label, name in enumerate(class_names)}
    true_table = _table(truth, list(range(len(truth))), None, label_of, what="truth")
    scores = [np.asarray(image.scores, dtype=np.float64) for image in detections]
    found_table = _table(detections, list(found_at.values()), scores, label_of, what="detections")
    true_kept, found_kept = _evaluated(true_table), _evaluated(found_table)
    return Tables(
        truth=true_kept,
        found=found_kept,
        highest_score=float(found_table.scores.max()) if len(found_table.scores) else None,
        other_class_objects=len(true_table.label) - len(true_kept.label),
        other_class_detections=len(found_table.label) - len(found_kept.label),
    )


def _table(
    records: Sequence[SignTruth] | Sequence[SignDetections],
    positions: list[int],
    scores: list[np.ndarray] | None,
    label_of: dict[str, int],
    *,
    what: str,
) -> BoxTable:
    counts = np.array([len(record.categories) for record in records], dtype=np.int64)
    boxes = [np.asarray(record.boxes_xyxy_px, dtype=np.float64) for record in records]
    for index, record in enumerate(records):
        where = f"{what} of image {record.image_id!r}"
        if boxes[index].shape != (counts[index], 4) and (boxes[index].size or counts[index]):
            raise ValueError(
                f"{where}: boxes have shape {boxes[index].shape} for {counts[index]} categories; give [n, 4], xyxy"
            )
        if scores is not None and scores[index].shape != (counts[index],):
            raise ValueError(
                f"{where}: scores have shape {scores[index].shape} for {counts[index]} categories; give one per box"
            )
    all_boxes = np.concatenate([np.zeros((0, 4)), *(image_boxes.reshape(-1, 4) for image_boxes in boxes)])
    all_scores = np.ones(len(all_boxes)) if scores is None else np.concatenate([np.zeros(0), *scores])
    record_of = np.repeat(np.arange(len(records)), counts)

    def refuse(fine: Any, values: np.ndarray, complaint: str) -> None:
        if not np.all(fine):
            row = int(np.flatnonzero(~fine)[0])
            image_id = records[int(record_of[row])].image_id
            raise ValueError(f"{what} of image {image_id!r}: {values[row].tolist()} {complaint}")

    pixels = np.abs(all_boxes) <= LARGEST_COORDINATE_PX  # false for NaN too
    refuse(pixels.all(axis=1), all_boxes, "is no box in pixels; drop it or find what made it")
    refuse((all_boxes[:, 2:] >= all_boxes[:, :2]).all(axis=1), all_boxes, "ends before it begins; give xyxy")
    refuse((all_scores >= 0) & (all_scores <= 1), all_scores, "is a score outside [0, 1]; divide by its scale")
    labels = [label_of.get(category, -1) for record in records for category in record.categories]
    order = np.argsort(np.repeat(np.array(positions, dtype=np.int64), counts), kind="stable")
    return BoxTable(
        image=np.repeat(np.array(positions, dtype=np.int64), counts)[order],
        label=np.array(labels, dtype=np.int64)[order],
        boxes_xyxy_px=all_boxes[order],
        scores=all_scores[order],
    )


def _evaluated(table: BoxTable) -> BoxTable:
    kept = table.label >= 0
    return BoxTable(table.image[kept], table.label[kept], table.boxes_xyxy_px[kept], table.scores[kept])
