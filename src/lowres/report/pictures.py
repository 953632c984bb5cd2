"""Images of a detector's report: examples with their boxes, thumbnails beside originals."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lowres.records import ImageDetections
from lowres.report.contents import Example, ReportData
from lowres.report.draw import draw_boxes, drawing_scale
from lowres.report.numbers import decimals, finite
from lowres.report.outcomes import Boxes, compare, truth_boxes
from lowres.report.panels import TOTAL_BYTES, Panel, panel

_LONG_SIDE_PX = 800  # of a drawn image; it is shown at about half of it
_FONT_PX = 24
_MOST_PAIRS = 3


@dataclass(frozen=True)
class Picture:
    """One example: the truth, what the teacher found, what the student found on the thumbnail that it reads."""

    rank: str
    image_id: int
    score: str | None
    panels: list[Panel]


@dataclass(frozen=True)
class Pair:
    """An original and its thumbnail, to be shown at the same size of a pixel."""

    image_id: int
    original: Panel
    thumbnail: Panel
    thumbnail_percent: float  # the thumbnail's share of the width of both


def example_pictures(data: ReportData) -> list[Picture]:
    """Examples from best to worst, drawn."""
    order = {"best": 0, "median": 1, "worst": 2}
    examples = sorted(data.examples, key=lambda example: order[example.rank])
    limit = int(TOTAL_BYTES * 0.8) // max(1, 3 * len(examples))
    return [
        Picture(
            rank=example.rank,
            image_id=example.truth.image_id,
            score=None if finite(example.score) is None else decimals(example.score, 2),
            panels=_panels(example, data, limit),
        )
        for example in examples
    ]


def thumbnail_pairs(data: ReportData) -> list[Pair]:
    """A few originals with their thumbnails, spread over the examples."""
    stride = max(1, len(data.examples) // _MOST_PAIRS)
    pairs = []
    for example in list(data.examples)[::stride][:_MOST_PAIRS]:
        height, width = example.image.shape[:2]
        small_height, small_width = example.thumbnail.shape[:2]
        image_id = example.truth.image_id
        limit = int(TOTAL_BYTES * 0.2) // _MOST_PAIRS
        original = panel(example.image, "Original", f"{width} × {height} px", f"image {image_id}", limit // 2)
        caption = f"{small_width} × {small_height} px"
        thumbnail = panel(example.thumbnail, "Thumbnail", caption, f"thumbnail of image {image_id}", limit // 2)
        pairs.append(Pair(image_id, original, thumbnail, round(100 * small_width / (width + small_width), 2)))
    return pairs


def _panels(example: Example, data: ReportData, limit: int) -> list[Panel]:
    truth = truth_boxes(example.truth)
    objects = f"{len(truth.labels)} object{'' if len(truth.labels) == 1 else 's'}"
    panels = [_drawn(example.image, truth, example, data, "Ground truth", objects, limit)]
    if example.teacher is not None:
        judged, caption = _judged(example, example.teacher, data)
        panels.append(_drawn(example.image, judged, example, data, "Teacher", caption, limit))
    if example.student is not None:
        judged, caption = _judged(example, example.student, data)
        height, width = example.image.shape[:2]
        factor = max(1, round(width / example.thumbnail.shape[1]))
        enlarged = example.thumbnail.repeat(factor, axis=0).repeat(factor, axis=1)
        if enlarged.shape[:2] != (height, width):
            enlarged = cv2.resize(enlarged, (width, height), interpolation=cv2.INTER_NEAREST)
        panels.append(_drawn(enlarged, judged, example, data, "Student, on its thumbnail", caption, limit))
    return panels


def _judged(example: Example, detections: ImageDetections, data: ReportData) -> tuple[Boxes, str]:
    judged = compare(example.truth, detections, score_threshold=data.score_threshold)
    words = (("found", "found"), ("false", "false"), ("missed", "missed"))
    return judged, ", ".join(f"{judged.number(outcome)} {word}" for outcome, word in words)


def _drawn(
    image: np.ndarray, boxes: Boxes, example: Example, data: ReportData, title: str, caption: str, limit: int
) -> Panel:
    height, width = image.shape[:2]
    places = boxes.boxes_xyxy_px
    shrink = _LONG_SIDE_PX / max(height, width)
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        places = places * np.array([image.shape[1] / width, image.shape[0] / height] * 2)
    scale = drawing_scale(*image.shape[:2])
    pixelated = title.startswith("Student")
    if pixelated:  # the thumbnail's own pixels stay to be seen
        image, places, scale = image.repeat(scale, axis=0).repeat(scale, axis=1), places * scale, 1
    drawn = draw_boxes(
        image, places, boxes.labels, data.class_names, boxes.scores, "outcome", scale, outcomes=boxes.outcomes,
        font_px=_FONT_PX if len(boxes.labels) <= 8 else _FONT_PX * 2 // 3,
    )  # fmt: skip
    names = _listed([data.class_names[int(label)] for label in boxes.labels])
    alternative = f"{title}, image {example.truth.image_id}: {caption}{': ' + names if names else ''}"
    return panel(drawn, title, caption, alternative, limit)


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
