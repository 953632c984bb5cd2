"""Boxes with labels on an image, legible on small ones: those are enlarged by a whole factor before anything is drawn.

Boxes have a dark rim, so that they stand out on any ground; labels look for a place where they cover no other box.
Text is set by Pillow with the DejaVu font that comes with matplotlib, because OpenCV's own fonts know ASCII only.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rgb = tuple[int, int, int]
Rect = tuple[float, float, float, float]

# Okabe and Ito's colours, which the colour-blind tell apart, then lighter ones; after the last comes the first again
CLASS_COLOURS: tuple[Rgb, ...] = (
    (86, 180, 233), (230, 159, 0), (0, 188, 136), (240, 228, 66), (255, 112, 38), (226, 130, 184),
    (60, 140, 255), (180, 222, 120), (190, 160, 255), (255, 190, 170), (140, 230, 230), (214, 214, 214),
)  # fmt: skip
OUTCOME_COLOURS: dict[str, Rgb] = {
    "truth": (86, 180, 233),
    "found": (0, 188, 136),
    "false": (255, 112, 38),
    "missed": (240, 228, 66),
    "crowd": (170, 170, 170),
}
_DASHED = ("missed", "crowd")
_MARKS = {"false": "✗ "}  # said without colour too
_RIM: Rgb = (16, 18, 22)


def draw_boxes(
    image: np.ndarray,
    boxes_xyxy_px: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    class_names: Sequence[str],
    scores: Sequence[float] | np.ndarray | None = None,
    colour_by: Literal["class", "outcome"] = "class",
    scale: int | None = None,
    *,
    outcomes: Sequence[str] | None = None,
    font_px: int | None = None,
) -> np.ndarray:
    """The image, `scale` times as large, with its boxes: uint8 [h * scale, w * scale, 3], RGB; the input is untouched.

    `image` is uint8 [h, w, 3], RGB; boxes are in its pixels, [n, 4]; `labels` index `class_names`; `scores` in [0, 1]
    are written after the name unless NaN. `colour_by="outcome"` colours by `outcomes` (keys of `OUTCOME_COLOURS`);
    missed objects are then dashed and without a label. `scale=None` takes `drawing_scale`; `font_px` is the text size.
    Raises `ValueError` for another kind of image, for lengths that disagree, and for a label without a name.
    """
    boxes, names = _checked(image, boxes_xyxy_px, labels, class_names)
    kinds = [""] * len(boxes)
    if colour_by == "outcome":
        kinds = list(outcomes or ())
        if len(kinds) != len(boxes) or not set(kinds) <= set(OUTCOME_COLOURS):
            raise ValueError(f"outcomes: {kinds} for {len(boxes)} boxes; give one of {list(OUTCOME_COLOURS)} for each")
    values = np.full(len(boxes), np.nan) if scores is None else np.asarray(scores, dtype=np.float64)
    if len(values) != len(boxes):
        raise ValueError(f"scores: {len(values)} for {len(boxes)} boxes; give one for each")
    height, width = image.shape[:2]
    scale = drawing_scale(height, width) if scale is None else scale
    if scale < 1:
        raise ValueError(f"scale: {scale} is under 1; the image is only ever enlarged by a whole factor")
    canvas = np.ascontiguousarray(image).copy()
    if scale > 1:
        canvas = cv2.resize(canvas, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    corners = _corners(boxes * scale, canvas.shape[1], canvas.shape[0])
    colours = [
        OUTCOME_COLOURS[kind] if kind else CLASS_COLOURS[int(label) % len(CLASS_COLOURS)]
        for kind, label in zip(kinds, labels, strict=True)
    ]
    largest_first = sorted(range(len(boxes)), key=lambda i: -_area(corners[i]))
    line = max(2, round(max(canvas.shape[:2]) / 210))
    for i in largest_first:
        _rectangle(canvas, corners[i], colours[i], line, dashed=kinds[i] in _DASHED)
    texts = [
        _MARKS.get(kind, "") + name + ("" if np.isnan(value) else f" {value:.2f}")
        for name, value, kind in zip(names, values.tolist(), kinds, strict=True)
    ]
    shown = [i for i in largest_first if kinds[i] != "missed"]
    font = _font(font_px or int(np.clip(max(canvas.shape[:2]) / 45, 12, 26)))
    return _with_labels(canvas, corners, [(i, texts[i], colours[i]) for i in shown], font)


def drawing_scale(height: int, width: int, at_least_px: int = 640) -> int:
    """The smallest whole factor that brings the long side to `at_least_px`."""
    return max(1, -(-at_least_px // max(height, width, 1)))


def overlap(first: Rect, second: Rect) -> float:
    """Common area of two rectangles (left, top, right, bottom)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)


def _checked(
    image: np.ndarray, boxes_xyxy_px: np.ndarray, labels: Sequence[int] | np.ndarray, class_names: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image: {image.dtype} {list(image.shape)}; give uint8 [height, width, 3] in RGB")
    boxes = np.asarray(boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)
    if not np.isfinite(boxes).all():
        raise ValueError("boxes_xyxy_px: holds NaN or infinity; remove these detections before drawing")
    if len(labels) != len(boxes):
        raise ValueError(f"labels: {len(labels)} for {len(boxes)} boxes; give one for each")
    bad = [int(label) for label in labels if not 0 <= int(label) < len(class_names)]
    if bad:
        raise ValueError(f"labels: {bad[0]} has no name among {len(class_names)}; give the class names of this model")
    return boxes, [str(class_names[int(label)]) for label in labels]


def _corners(boxes: np.ndarray, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """First and last pixel of each box on the canvas; the far edge of a box is exclusive."""
    corners = []
    for x1, y1, x2, y2 in boxes:
        left, top = int(np.clip(round(x1), 0, width - 1)), int(np.clip(round(y1), 0, height - 1))
        right, bottom = int(np.clip(round(x2) - 1, left, width - 1)), int(np.clip(round(y2) - 1, top, height - 1))
        corners.append((left, top, right, bottom))
    return corners


def _area(corners: tuple[int, int, int, int]) -> int:
    return (corners[2] - corners[0] + 1) * (corners[3] - corners[1] + 1)


def _rectangle(canvas: np.ndarray, corners: tuple[int, int, int, int], colour: Rgb, line: int, *, dashed: bool) -> None:
    """Rings of one pixel around the box, dark ones inmost and outmost; the box itself, often few pixels, stays free."""
    left, top, right, bottom = corners
    dash = 4 * line
    for ring in (1, line + 2, *range(2, line + 2)):
        paint = colour if 1 < ring < line + 2 else _RIM
        first, last = (left - ring, top - ring), (right + ring, bottom + ring)
        if not dashed:
            cv2.rectangle(canvas, first, last, paint)
            continue
        for x in range(left - line - 2, last[0], 2 * dash):
            for y in (first[1], last[1]):
                cv2.line(canvas, (max(x, first[0]), y), (min(x + dash, last[0]), y), paint)
        for y in range(top - line - 2, last[1], 2 * dash):
            for x in (first[0], last[0]):
                cv2.line(canvas, (x, max(y, first[1])), (x, min(y + dash, last[1])), paint)


def _with_labels(
    canvas: np.ndarray,
    corners: Sequence[tuple[int, int, int, int]],
    labels: Sequence[tuple[int, str, Rgb]],
    font: ImageFont.FreeTypeFont,
) -> np.ndarray:
    picture = Image.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    pad = max(2, round(font.size / 6))
    ascent, descent = font.getmetrics()
    placed: list[Rect] = []
    for index, full_text, colour in labels:
        text = full_text
        while len(text) > 4 and font.getlength(text) > 0.6 * canvas.shape[1]:
            text = text[: len(text) // 2 - 1] + "…" + text[len(text) // 2 + 1 :]
        size = (font.getlength(text) + 2 * pad, ascent + descent + pad)
        others = [box for i, box in enumerate(corners) if i != index]
        rect = _free_place(corners[index], size, placed, others, picture.size)
        placed.append(rect)
        pen.rounded_rectangle(rect, radius=pad, fill=colour, outline=_RIM)
        red, green, blue = colour
        ink = (12, 14, 18) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255)
        pen.text((rect[0] + pad, rect[1] + pad / 2), text, font=font, fill=ink)
    return np.asarray(picture).copy()


def _free_place(
    box: tuple[int, int, int, int],
    size_wh: tuple[float, float],
    labels: Sequence[Rect],
    boxes: Sequence[Rect],
    canvas_wh: tuple[int, int],
) -> Rect:
    """Beside the box, inside the canvas, where it covers least of other labels and boxes; above if all are equal."""
    left, top, right, bottom = box
    width, height = size_wh
    gap = 3
    above, below, middle = top - height - gap, bottom + gap, (top + bottom - height) / 2
    centre = (left + right - width) / 2
    best: tuple[float, Rect] | None = None
    for x, y in (
        (left - 2, above), (right - width + 2, above), (centre, above),
        (left - 2, below), (right - width + 2, below), (centre, below),
        (right + gap, middle), (left - width - gap, middle), (right + gap, top), (left - width - gap, top),
        (right + gap, bottom - height), (left - width - gap, bottom - height),
        (right + gap, above), (left - width - gap, above), (right + gap, below), (left - width - gap, below),
    ):  # fmt: skip
        x = min(max(x, 0.0), max(0.0, canvas_wh[0] - width - 1))
        y = min(max(y, 0.0), max(0.0, canvas_wh[1] - height - 1))
        rect = (x, y, x + width, y + height)
        cost = 3 * sum(overlap(rect, label) for label in labels) + sum(overlap(rect, other) for other in boxes)
        cost += 2 * overlap(rect, box)
        if best is None or cost < best[0]:
            best = (cost, rect)
    assert best is not None
    return best[1]


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"), size_px)
