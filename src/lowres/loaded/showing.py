"""What `lowres predict` shows of one image: a picture, and an entry of predictions.json."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lowres.loaded.model import Classifier, Detector
from lowres.report.draw import draw_boxes

DEFAULT_SCORE = 0.4
_BEST = 5  # classes listed
_LABEL_PX = 24  # of the one label on a classified image


@dataclass(frozen=True)
class Shown:
    """The image drawn, uint8 [h, w, 3] RGB, small ones enlarged; and what was found, ready for JSON."""

    picture: np.ndarray
    entry: dict[str, Any]


class Showing(Protocol):
    """One task, with the options that the user gave."""

    def show(self, model: Any, pixels: np.ndarray) -> Shown:
        """What the model finds in an image uint8 [h, w, 3] RGB."""
        ...

    def summary(self, entries: list[dict[str, Any]]) -> str:
        """All images in a few words."""
        ...


@dataclass(frozen=True)
class ShowingDetections:
    """Boxes of at least `threshold`."""

    threshold: float

    def show(self, model: Detector, pixels: np.ndarray) -> Shown:
        """Boxes in pixels of the image, with class and score."""
        found = model.detect_one(pixels)
        kept = found.scores >= self.threshold
        boxes, scores, labels = found.boxes_xyxy_px[kept], found.scores[kept], found.labels[kept]
        detections = [
            {
                "class": model.class_names[label],
                "label": int(label),
                "score": round(float(score), 5),
                "box_xyxy_px": [round(float(v), 2) for v in box],
            }
            for box, score, label in zip(boxes, scores, labels, strict=True)
        ]
        picture = draw_boxes(pixels, boxes, labels, model.class_names, scores=scores)
        return Shown(picture, {"detections": detections})

    def summary(self, entries: list[dict[str, Any]]) -> str:
        """How many boxes."""
        boxes = sum(len(entry["detections"]) for entry in entries)
        return f"{len(entries)} images, {boxes} boxes of score {self.threshold:g} and more"


@dataclass(frozen=True)
class ShowingClasses:
    """The best classes with their probabilities."""

    def show(self, model: Classifier, pixels: np.ndarray) -> Shown:
        """The best class is written on the image, the best five are listed."""
        probabilities = model.classify_one(pixels)
        best = np.argsort(-probabilities, kind="stable")[:_BEST]
        classes = [
            {
                "class": model.class_names[label],
                "label": int(label),
                "probability": round(float(probabilities[label]), 5),
            }
            for label in best
        ]
        height, width = pixels.shape[:2]
        frame = np.array([[0, 0, width, height]])
        score = probabilities[best[:1]]
        picture = draw_boxes(pixels, frame, best[:1], model.class_names, scores=score, font_px=_LABEL_PX)
        return Shown(picture, {"classes": classes})

    def summary(self, entries: list[dict[str, Any]]) -> str:
        """How many images."""
        return f"{len(entries)} images, the best classes of each"


def showing_of(task: str, *, threshold: float | None) -> Showing:
    """How a task is shown; ValueError for a threshold out of range, or where the task has none."""
    return _SHOWING[task](threshold)


def _detections(threshold: float | None) -> Showing:
    threshold = DEFAULT_SCORE if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise ValueError(f"--threshold is {threshold}; it must be from 0 to 1")
    return ShowingDetections(threshold)


def _classes(threshold: float | None) -> Showing:
    if threshold is not None:
        raise ValueError(
            f"--threshold is {threshold}, and the model is a classifier: it lists the best classes of every image with "
            "their probabilities; leave the option out"
        )
    return ShowingClasses()


_SHOWING: dict[str, Callable[[float | None], Showing]] = {"detection": _detections, "classification": _classes}
