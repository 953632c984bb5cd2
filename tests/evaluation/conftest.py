"""Builders of truth and detections from plain tuples, and random scenes with everything that a metric must survive."""

from collections.abc import Callable

import numpy as np
import pytest

from lowres.records import ImageDetections, ImageTruth


@pytest.fixture(scope="session")
def truth_of() -> Callable[..., ImageTruth]:
    """truth_of(image_id, (label, x1, y1, x2, y2), ..., crowd=(), area=None)."""

    def build(image_id, *objects, crowd=(), area=None):
        boxes = np.array([o[1:] for o in objects], dtype=np.float64).reshape(-1, 4)
        return ImageTruth(
            image_id=image_id,
            width=256,
            height=256,
            boxes_xyxy_px=boxes,
            labels=np.array([o[0] for o in objects], dtype=np.int64),
            iscrowd=np.array([i in crowd for i in range(len(objects))], dtype=bool),
            area_px=(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) if area is None else np.array(area, dtype=np.float64),
        )

    return build


@pytest.fixture(scope="session")
def found_of() -> Callable[..., ImageDetections]:
    """found_of(image_id, (label, score, x1, y1, x2, y2), ...)."""

    def build(image_id, *detections):
        return ImageDetections(
            image_id=image_id,
            boxes_xyxy_px=np.array([d[2:] for d in detections], dtype=np.float64).reshape(-1, 4),
            scores=np.array([d[1] for d in detections], dtype=np.float64),
            labels=np.array([d[0] for d in detections], dtype=np.int64),
        )

    return build


@pytest.fixture(scope="session")
def random_scene() -> Callable[..., tuple[list[ImageTruth], list[ImageDetections]]]:
    """Crowds, overlaps, equal scores, mask areas, empty images, images without a record, over 100 boxes in one."""

    def build(seed, *, num_images=25, num_classes=3):
        rng = np.random.default_rng(seed)
        truth, detections = [], []
        for image_id in rng.permutation(1000)[:num_images].tolist():
            n = int(rng.integers(0, 8))
            size = np.exp(rng.uniform(np.log(4), np.log(180), (n, 2)))
            corner = rng.uniform(0, 80, (n, 2))  # crowded on purpose
            boxes = np.concatenate([corner, corner + size], axis=1)
            if n > 1:
                boxes[1] = boxes[0] + 1.0
            if n > 3:
                boxes[3] = boxes[2]  # equal IoUs
            area = size.prod(axis=1) * rng.uniform(0.5, 1.0, n)
            labels = rng.integers(0, num_classes - 1, n)  # the last class has no object
            labels[3:4] = labels[2:3]
            truth.append(ImageTruth(image_id, 256, 256, boxes, labels, rng.uniform(size=n) < 0.15, area))
            if rng.uniform() < 0.1:
                continue
            near = np.repeat(np.arange(n), 4)
            jitter = rng.normal(0, 0.08, (len(near), 4)) * np.tile(size[near], 2)
            others = rng.uniform(0, 90, (130 if len(truth) == 3 else int(rng.integers(0, 12)), 2))
            found = np.concatenate([boxes[near] + jitter, np.concatenate([others, others + 30], axis=1)])
            found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 0.5)
            found_labels = np.concatenate([labels[near], rng.integers(0, num_classes, len(others))])
            if len(truth) == 3:
                found_labels[:] = 0
            scores = np.round(rng.uniform(0, 1, len(found)), 1 if len(truth) % 2 else 6)  # many equal scores
            detections.append(ImageDetections(image_id, found, scores, found_labels))
        return truth, detections

    return build
