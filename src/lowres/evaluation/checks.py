"""The front of every detection metric: refuses what pycocotools would turn silently into a wrong number.

pycocotools 2.0.11 gives AP 1.0 for a NaN ground-truth box, counts a repeated image twice and ignores detections of
images or classes that it does not know. Here each of these is a `ValueError` that names the image.
"""

from collections.abc import Sequence

import numpy as np

from lowres.records import ImageDetections, ImageTruth


def check_truth(truth: Sequence[ImageTruth], *, num_classes: int) -> list[ImageTruth]:
    """The same truth in float64, int64 and bool arrays.

    Raises `ValueError` for a repeated image, arrays that disagree in length, labels outside 0 to C - 1, and boxes or
    areas that are not finite, boxes without a positive width and height (these could never be found), and sides that
    are not those of the boxes.
    """
    _refuse_repeats([image.image_id for image in truth], what="truth")
    return [_checked_truth(image, num_classes) for image in truth]


def check_detections(
    detections: Sequence[ImageDetections], *, known_image_ids: Sequence[int], num_classes: int
) -> list[ImageDetections]:
    """The same detections in float64 and int64 arrays.

    Raises `ValueError` for an image that is repeated or not in the truth, arrays that disagree in length, labels
    outside 0 to C - 1, scores outside [0, 1] or NaN, boxes that are not finite or end before they begin, and sides that
    are not those of the boxes. A box without area matches nothing: it counts as a false positive.
    """
    _refuse_repeats([image.image_id for image in detections], what="detections")
    known = set(known_image_ids)
    for image in detections:
        if image.image_id not in known:
            raise ValueError(
                f"detections of image {image.image_id}: not in the truth; evaluate the split that was detected"
            )
    return [_checked_detections(image, num_classes) for image in detections]


def _checked_truth(image: ImageTruth, num_classes: int) -> ImageTruth:
    where = f"truth of image {image.image_id}"
    boxes = _checked_boxes(image.boxes_xyxy_px, where)
    sides = _checked_sides(image.sides_wh_px, boxes, where)
    positive = np.asarray((_sides(boxes, sides) > 0).all(axis=1))
    if not positive.all():
        raise ValueError(
            f"{where}: box {_first(boxes, ~positive)} has no positive width and height; give xyxy, or drop it"
        )
    area = np.asarray(image.area_px, dtype=np.float64)
    iscrowd = np.asarray(image.iscrowd).astype(bool)
    for name, values in (("area_px", area), ("iscrowd", iscrowd)):
        if values.shape != (len(boxes),):
            raise ValueError(f"{where}: {name} has shape {values.shape} for {len(boxes)} boxes; give one value per box")
    if not np.all(np.isfinite(area) & (area >= 0)):
        raise ValueError(
            f"{where}: area_px holds {_first(area, ~(np.isfinite(area) & (area >= 0)))}; use the box's area"
        )
    labels = _checked_labels(image.labels, len(boxes), num_classes, where)
    return ImageTruth(image.image_id, image.width, image.height, boxes, labels, iscrowd, area, sides)


def _checked_detections(image: ImageDetections, num_classes: int) -> ImageDetections:
    where = f"detections of image {image.image_id}"
    boxes = _checked_boxes(image.boxes_xyxy_px, where)
    sides = _checked_sides(image.sides_wh_px, boxes, where)
    negative = np.asarray((_sides(boxes, sides) < 0).any(axis=1))
    if negative.any():
        raise ValueError(f"{where}: box {_first(boxes, negative)} ends before it begins; give xyxy")
    scores = np.asarray(image.scores, dtype=np.float64)
    if scores.shape != (len(boxes),):
        raise ValueError(f"{where}: scores have shape {scores.shape} for {len(boxes)} boxes; give one score per box")
    in_range = (scores >= 0) & (scores <= 1)  # false for NaN too
    if not np.all(in_range):
        raise ValueError(
            f"{where}: score {_first(scores, ~in_range)} is outside [0, 1]; give probabilities, not logits"
        )
    labels = _checked_labels(image.labels, len(boxes), num_classes, where)
    return ImageDetections(image.image_id, boxes, scores, labels, sides)


def _checked_boxes(boxes_xyxy_px: np.ndarray, where: str) -> np.ndarray:
    boxes = np.asarray(boxes_xyxy_px, dtype=np.float64)
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{where}: boxes have shape {boxes.shape}; give [n, 4], xyxy in pixels")
    finite = np.asarray(np.isfinite(boxes).all(axis=1))
    if not finite.all():
        raise ValueError(f"{where}: box {_first(boxes, ~finite)} is not finite; drop it or find what made it")
    return boxes


def _checked_sides(sides_wh_px: np.ndarray | None, boxes_xyxy: np.ndarray, where: str) -> np.ndarray | None:
    if sides_wh_px is None:
        return None
    sides = np.asarray(sides_wh_px, dtype=np.float64).reshape(-1, 2)
    if len(sides) != len(boxes_xyxy):
        raise ValueError(f"{where}: sides_wh_px has {len(sides)} rows for {len(boxes_xyxy)} boxes; give one per box")
    rounding = 1e-9 * (1 + np.abs(boxes_xyxy).max(axis=1, initial=0))[:, None]
    same = np.asarray((np.abs(sides - _sides(boxes_xyxy, None)) <= rounding).all(axis=1))
    if not same.all():
        raise ValueError(
            f"{where}: sides_wh_px {_first(sides, ~same)} are not those of box {_first(boxes_xyxy, ~same)}; "
            "leave them out"
        )
    return sides


def _sides(boxes_xyxy: np.ndarray, sides_wh: np.ndarray | None) -> np.ndarray:
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] if sides_wh is None else sides_wh


def _checked_labels(labels: np.ndarray, num_boxes: int, num_classes: int, where: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (num_boxes,):
        if labels.size or num_boxes:
            raise ValueError(f"{where}: labels have shape {labels.shape} for {num_boxes} boxes; give one label per box")
        return np.zeros(0, dtype=np.int64)
    if num_boxes and not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{where}: labels are {labels.dtype}; give integers from 0 to {num_classes - 1}")
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        raise ValueError(
            f"{where}: label {_first(labels, outside)} is outside 0 to {num_classes - 1}; "
            "labels are contiguous, not the data set's category ids"
        )
    return labels.astype(np.int64)


def _refuse_repeats(image_ids: list[int], *, what: str) -> None:
    seen: set[int] = set()
    for image_id in image_ids:
        if image_id in seen:
            raise ValueError(f"{what}: image {image_id} appears twice; give each image one record")
        seen.add(image_id)


def _first(values: np.ndarray, wrong: np.ndarray) -> object:
    return values[np.flatnonzero(wrong)[0]].tolist()
