"""Random data sets that try hard to tell two COCO evaluators apart: ties, crowds, exact thresholds, nothing at all."""

from dataclasses import dataclass

import numpy as np

from lowres.evaluation.matching import InputScale
from lowres.records import ImageDetections, ImageTruth


@dataclass(frozen=True)
class RandomSet:
    """One data set with detections, and how it is to be evaluated."""

    truth: list[ImageTruth]
    detections: list[ImageDetections]
    num_classes: int
    max_detections: int
    thumbnail_ratio: float
    input_scale: InputScale | None


def random_set(seed: int) -> RandomSet:
    """The same set for the same seed.

    Half of the sets have whole pixels, so that IoUs meet thresholds and areas meet 32^2 exactly; half round scores, so
    that many are equal. Some have crowds, mask areas, images without objects or without a record, nothing found at all,
    classes without objects, one image with more detections than count.
    """
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(1, 6))
    whole_pixels, rounded_scores = rng.uniform() < 0.5, rng.uniform() < 0.5
    crowd_share = rng.choice([0.0, 0.1, 0.4])
    nothing_found = rng.uniform() < 0.02
    count = int(rng.integers(1, 11))
    truth, detections = [], []
    for position, image_id in enumerate(rng.permutation(10 * count + 10)[:count].tolist()):
        boxes, labels = _objects(rng, num_classes, whole_pixels)
        n = len(boxes)
        sides = boxes[:, 2:] - boxes[:, :2]
        area = sides.prod(axis=1) * (rng.uniform(0.4, 1.0, n) if rng.uniform() < 0.5 else 1.0)
        crowd = rng.uniform(size=n) < crowd_share
        truth.append(ImageTruth(image_id, 320, 240, boxes, labels, crowd, area))
        if nothing_found or rng.uniform() < 0.1:
            continue
        many = position == 0 and rng.uniform() < 0.2
        found, found_labels = _found(rng, boxes, labels, num_classes, whole_pixels, 150 if many else 8)
        scores = rng.uniform(0, 1, len(found))
        detections.append(
            ImageDetections(image_id, found, np.round(scores, 1) if rounded_scores else scores, found_labels)
        )
    return RandomSet(
        truth=truth,
        detections=detections,
        num_classes=num_classes,
        max_detections=int(rng.choice([1, 5, 100, 100, 100, 300])),
        thumbnail_ratio=float(rng.choice([1.0, 2.0, 4.0, 3.3])),
        input_scale=None if rng.uniform() < 0.5 else lambda width, height: (200 / width, 180 / height),
    )


def _objects(rng: np.random.Generator, num_classes: int, whole_pixels: bool) -> tuple[np.ndarray, np.ndarray]:
    n = int(rng.integers(0, 9))
    sides = np.exp(rng.uniform(np.log(3), np.log(150), (n, 2)))
    corner = rng.uniform(0, 60, (n, 2))  # crowded on purpose
    if whole_pixels:
        sides, corner = np.maximum(sides.round(), 1), corner.round()
        sides[rng.uniform(size=n) < 0.3] = rng.choice([32, 96, 8, 16, 4])
    boxes = np.concatenate([corner, corner + sides], axis=1)
    labels = rng.integers(0, max(1, num_classes - 1), n)
    if n > 3:
        boxes[3], labels[3] = boxes[2], labels[2]  # twins
        boxes[1], labels[1] = boxes[0] + 1, labels[0]
    return boxes, labels


def _found(
    rng: np.random.Generator, boxes: np.ndarray, labels: np.ndarray, num_classes: int, whole_pixels: bool, most: int
) -> tuple[np.ndarray, np.ndarray]:
    near = np.repeat(np.arange(len(boxes)), int(rng.integers(0, 5)))
    spread = rng.choice([0.02, 0.08, 0.2]) * np.tile((boxes[:, 2:] - boxes[:, :2])[near], 2)
    jittered = boxes[near] + rng.normal(0, 1, (len(near), 4)) * spread
    halves = boxes.copy()  # IoU of exactly a half, and of exactly three quarters
    halves[:, 2] = boxes[:, 0] + (boxes[:, 2] - boxes[:, 0]) * rng.choice([0.5, 0.75], len(boxes))
    corner = rng.uniform(0, 150, (int(rng.integers(0, most)), 2))
    others = np.concatenate([corner, corner + np.exp(rng.uniform(1, 5, corner.shape))], axis=1)
    found = np.concatenate([jittered, halves, others])
    if whole_pixels:
        found[: len(near)] = found[: len(near)].round()
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 0.5)
    found_labels = np.concatenate([labels[near], labels, rng.integers(0, num_classes, len(others))])
    order = rng.permutation(len(found))
    return found[order], found_labels[order]
