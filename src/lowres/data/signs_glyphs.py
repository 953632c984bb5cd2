"""Flat, head-on pictures of the signs in `signs`, and of plates that resemble signs but belong to no class.

A glyph is drawn once, four times larger than it is kept, from polygons and strokes of our own: OpenCV's fonts
differ between its versions, and the data set must not. Unit coordinates: the sign's shape fills [-1, 1], y down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

CLASS_NAMES: tuple[str, ...] = (
    "speed_30",
    "speed_120",
    "no_entry",
    "stop",
    "yield",
    "warning",
    "priority",
    "crossing",
)
PLATE_NAMES: tuple[str, ...] = (
    "back_round",
    "back_triangle",
    "back_octagon",
    "blank",
    "direction_blue",
    "direction_green",
    "billboard",
    "no_parking",
    "mandatory",
    "parking",
    "shop",
)
NUM_VARIANTS = 4

TEXTURE_PX = 128
_SUPERSAMPLING = 4
_FILL = 0.94  # the shape's share of the texture's half side: a margin keeps resampled edges soft

_RED, _BLUE, _YELLOW = (44, 30, 196), (168, 84, 24), (20, 178, 245)  # BGR
_WHITE, _BLACK, _GREY = (238, 240, 240), (26, 24, 24), (140, 136, 130)
_GREEN, _ORANGE, _PURPLE = (92, 130, 30), (32, 120, 230), (130, 50, 110)

Bgr = tuple[int, int, int]


@dataclass(frozen=True)
class Glyph:
    """A picture of one plate: uint8 BGRA with colour premultiplied by coverage, and its convex outline."""

    texture: np.ndarray  # uint8 [128, 128, 4]
    outline_unit: np.ndarray  # float64 [n, 2]


def unit_to_texture(points_unit: np.ndarray) -> np.ndarray:
    """Texture pixels of unit coordinates; the texture's own corners are at +-1 / 0.94."""
    return (points_unit * _FILL + 1.0) * (TEXTURE_PX / 2)


@lru_cache(maxsize=128)
def glyph(name: str, variant: int) -> Glyph:
    """The glyph of a class or plate; `variant` in [0, 4) changes border widths, stroke widths and marks."""
    outline = _outline(name)
    pen = _Pen(outline)
    _DRAW[name](pen, variant)
    return Glyph(texture=pen.finish(), outline_unit=outline)


class _Pen:
    """Draws in unit coordinates on a large texture."""

    def __init__(self, outline: np.ndarray) -> None:
        self.outline = outline
        self.side = TEXTURE_PX * _SUPERSAMPLING
        self.bgr = np.full((self.side, self.side, 3), 128, np.uint8)

    def _px(self, points: np.ndarray) -> np.ndarray:
        return np.rint(unit_to_texture(points) * _SUPERSAMPLING * 16).astype(np.int32)

    def fill(self, points: np.ndarray, colour: Bgr) -> None:
        cv2.fillPoly(self.bgr, [self._px(points)], colour, shift=4)

    def base(self, colour: Bgr, *, share: float = 1.0) -> None:
        centre = (self.outline.min(0) + self.outline.max(0)) / 2
        if len(self.outline) < 40 and share < 1:  # polygons: an even border needs the incentre
            centre = self.outline.mean(0)
        self.fill((self.outline - centre) * share + centre, colour)

    def stroke(self, points: np.ndarray, colour: Bgr, width: float) -> None:
        width_px = max(1, round(width * _FILL * self.side / 2))
        cv2.polylines(self.bgr, [self._px(points)], False, colour, width_px, cv2.LINE_8, 4)

    def disc(self, x: float, y: float, radius: float, colour: Bgr) -> None:
        self.fill(_arc(x, y, radius, radius), colour)

    def text(self, text: str, colour: Bgr, *, height: float, width: float, pen: float, y: float = 0.0) -> None:
        advance = width / len(text)
        for i, character in enumerate(text):
            left = -width / 2 + i * advance + pen / 2
            for line in _STROKES[character]:
                scale = np.array([advance - 1.7 * pen, height - pen])
                origin = np.array([left + 0.35 * pen, y - height / 2 + pen / 2])
                self.stroke(line * scale + origin, colour, pen)

    def finish(self) -> np.ndarray:
        alpha = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(alpha, [self._px(self.outline)], 255, shift=4)
        bgra = np.dstack([cv2.bitwise_and(self.bgr, self.bgr, mask=alpha), alpha])
        return cv2.resize(bgra, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA)


def _arc(x: float, y: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0) -> np.ndarray:
    angles = np.radians(np.linspace(start, stop, max(8, int(abs(stop - start) / 7))))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float64)


# Strokes in a box of 1 x 1, y down; angles run clockwise from the right.
_STROKES: dict[str, list[np.ndarray]] = {
    "0": [_arc(0.5, 0.5, 0.5, 0.5)],
    "1": [_line((0.1, 0.24), (0.55, 0.0), (0.55, 1.0))],
    "2": [_arc(0.48, 0.29, 0.46, 0.29, 190, 400), _line((0.83, 0.48), (0.05, 1.0), (0.97, 1.0))],
    "3": [_arc(0.48, 0.25, 0.45, 0.25, 200, 450), _arc(0.48, 0.73, 0.5, 0.27, 270, 520)],
    "5": [_line((0.92, 0.0), (0.18, 0.0), (0.1, 0.46)), _arc(0.48, 0.68, 0.5, 0.32, 222, 512)],
    "8": [_arc(0.5, 0.24, 0.42, 0.24), _arc(0.5, 0.74, 0.5, 0.26)],
    "S": [_arc(0.5, 0.25, 0.45, 0.25, 340, 90), _arc(0.5, 0.75, 0.45, 0.25, 270, 520)],
    "T": [_line((0.0, 0.0), (1.0, 0.0)), _line((0.5, 0.0), (0.5, 1.0))],
    "O": [_arc(0.5, 0.5, 0.48, 0.5)],
    "P": [
        _line((0.1, 1.0), (0.1, 0.0), (0.5, 0.0)),
        _arc(0.5, 0.28, 0.45, 0.28, 270, 450),
        _line((0.5, 0.56), (0.1, 0.56)),
    ],
    "H": [_line((0.1, 0.0), (0.1, 1.0)), _line((0.9, 0.0), (0.9, 1.0)), _line((0.1, 0.5), (0.9, 0.5))],
    "E": [_line((0.9, 0.0), (0.1, 0.0), (0.1, 1.0), (0.9, 1.0)), _line((0.1, 0.5), (0.8, 0.5))],
    "A": [_line((0.0, 1.0), (0.5, 0.0), (1.0, 1.0)), _line((0.2, 0.65), (0.8, 0.65))],
}


def _rounded(corners: Sequence[tuple[float, float]], radius: float) -> np.ndarray:
    """A convex polygon with round corners that stays inside the given one's bounding box on its own scale."""
    points = np.array(corners, np.float64)
    discs = np.concatenate([_arc(x, y, radius, radius) for x, y in points]).astype(np.float32)
    hull = cv2.convexHull(discs).reshape(-1, 2).astype(np.float64)
    low, high = hull.min(0), hull.max(0)
    return (hull - (low + high) / 2) * (2.0 / (high - low).max())


def _regular(num_corners: int, start_degrees: float) -> list[tuple[float, float]]:
    angles = np.radians(start_degrees + np.arange(num_corners) * 360.0 / num_corners)
    return [(float(np.cos(a)), float(np.sin(a))) for a in angles]


_SHAPES: dict[str, np.ndarray] = {
    "round": _arc(0, 0, 1, 1)[:-1],
    "octagon": _rounded(_regular(8, 22.5), 0.04),
    "point_down": _rounded(_regular(3, 90), 0.12),
    "point_up": _rounded(_regular(3, -90), 0.12),
    "diamond": _rounded(_regular(4, 0), 0.1),
    "square": _rounded([(-1, -1), (1, -1), (1, 1), (-1, 1)], 0.1),
    "wide": _rounded([(-1, -0.55), (1, -0.55), (1, 0.55), (-1, 0.55)], 0.06),
    "banner": _rounded([(-1, -0.28), (1, -0.28), (1, 0.28), (-1, 0.28)], 0.03),
}
_SHAPE_OF = {
    "speed_30": "round",
    "speed_120": "round",
    "no_entry": "round",
    "stop": "octagon",
    "yield": "point_down",
    "warning": "point_up",
    "priority": "diamond",
    "crossing": "square",
    "back_round": "round",
    "back_triangle": "point_up",
    "back_octagon": "octagon",
    "blank": "wide",
    "direction_blue": "wide",
    "direction_green": "banner",
    "billboard": "round",
    "no_parking": "round",
    "mandatory": "round",
    "parking": "square",
    "shop": "banner",
}


def _outline(name: str) -> np.ndarray:
    return _SHAPES[_SHAPE_OF[name]]


def _speed(digits: str) -> Callable[[_Pen, int], None]:
    width, thickness = (1.22, 1.0) if len(digits) == 2 else (1.4, 0.75)

    def draw(pen: _Pen, variant: int) -> None:
        pen.base(_WHITE)
        pen.base(_RED, share=0.97)
        pen.base(_WHITE, share=(0.74, 0.78, 0.72, 0.76)[variant])
        height, stroke = ((0.84, 0.17), (0.9, 0.19), (0.8, 0.2), (0.86, 0.16))[variant]
        pen.text(digits, _BLACK, height=height, width=width, pen=thickness * stroke)

    return draw


def _no_entry(pen: _Pen, variant: int) -> None:
    pen.base(_WHITE)
    pen.base(_RED, share=0.96)
    half = (0.2, 0.17, 0.22, 0.19)[variant]
    pen.fill(_line((-0.72, -half), (0.72, -half), (0.72, half), (-0.72, half)), _WHITE)


def _stop(pen: _Pen, variant: int) -> None:
    pen.base(_WHITE)
    pen.base(_RED, share=0.92)
    pen.text("STOP", _WHITE, height=(0.66, 0.72, 0.62, 0.7)[variant], width=1.56, pen=0.12)


def _yield(pen: _Pen, variant: int) -> None:
    pen.base(_RED)
    pen.base(_WHITE, share=(0.56, 0.6, 0.52, 0.58)[variant])


def _warning(pen: _Pen, variant: int) -> None:
    pen.base(_RED)
    pen.base(_YELLOW if variant == 3 else _WHITE, share=0.68)
    if variant in (0, 3):
        pen.fill(_line((-0.11, -0.4), (0.11, -0.4), (0.06, 0.24), (-0.06, 0.24)), _BLACK)
        pen.disc(0, 0.4, 0.1, _BLACK)
    elif variant == 1:
        pen.stroke(_line((-0.1, 0.52), (-0.1, 0.2), (0.12, 0.05), (0.12, -0.3)), _BLACK, 0.16)
        pen.fill(_line((0.12, -0.5), (0.3, -0.2), (-0.06, -0.2)), _BLACK)
    else:
        pen.stroke(_line((0, -0.32), (0, 0.52)), _BLACK, 0.16)
        pen.stroke(_line((-0.3, 0.12), (0.3, 0.12)), _BLACK, 0.14)


def _priority(pen: _Pen, variant: int) -> None:
    pen.base(_BLACK)
    pen.base(_WHITE, share=0.96)
    pen.base(_YELLOW, share=(0.68, 0.72, 0.64, 0.7)[variant])


def _crossing(pen: _Pen, variant: int) -> None:
    pen.base(_WHITE)
    pen.base(_BLUE, share=0.93)
    pen.fill(_line((0, -0.74), (0.76, 0.62), (-0.76, 0.62)), _WHITE)
    stride = (0.2, 0.24, 0.17, 0.22)[variant]
    pen.disc(0.04, -0.2, 0.12, _BLACK)
    pen.stroke(_line((0.02, -0.08), (-0.02, 0.22)), _BLACK, 0.17)
    pen.stroke(_line((-stride, 0.54), (-0.02, 0.2), (stride, 0.54)), _BLACK, 0.11)
    pen.stroke(_line((-0.22, 0.14), (0.02, -0.02), (0.22, 0.12)), _BLACK, 0.08)


def _back(pen: _Pen, variant: int) -> None:
    pen.base((108, 106, 104))
    pen.base(((150, 148, 144), _GREY, (164, 160, 152), (126, 124, 122))[variant], share=0.93)
    pen.stroke(_line((-0.9, 0.0), (0.9, 0.0)), (112, 110, 108), 0.08)


def _blank(pen: _Pen, variant: int) -> None:
    pen.base(_GREY)
    pen.base((_WHITE, _YELLOW, _WHITE, (180, 190, 196))[variant], share=0.92)


def _direction(colour: Bgr) -> Callable[[_Pen, int], None]:
    def draw(pen: _Pen, variant: int) -> None:
        half = 0.42 if len(pen.outline) and np.ptp(pen.outline[:, 1]) > 0.9 else 0.18
        pen.base(_WHITE)
        pen.base(colour, share=0.94)
        side = 1 if variant % 2 else -1
        pen.stroke(_line((-0.7, -half * 0.5), (0.25 + 0.1 * variant, -half * 0.5)), _WHITE, half * 0.34)
        pen.stroke(_line((-0.7, half * 0.45), (0.4 - 0.1 * variant, half * 0.45)), _WHITE, half * 0.34)
        pen.fill(
            _line((0.7 + 0.15 * side, 0), (0.7 - 0.15 * side, -half * 0.7), (0.7 - 0.15 * side, half * 0.7)), _WHITE
        )

    return draw


def _billboard(pen: _Pen, variant: int) -> None:
    ring, field, mark = (
        (_GREEN, _WHITE, _GREEN),
        (_ORANGE, (60, 40, 30), _WHITE),
        (_WHITE, _PURPLE, _YELLOW),
        (_BLACK, (150, 200, 220), _BLACK),
    )[variant]
    pen.base(ring)
    pen.base(field, share=0.8)
    pen.text(("HOT", "TEA", "SPA", "TAPE")[variant], mark, height=0.5, width=1.2, pen=0.13)


def _no_parking(pen: _Pen, variant: int) -> None:
    pen.base(_RED)
    pen.base(_BLUE, share=0.78)
    pen.stroke(_line((-0.58, -0.58), (0.58, 0.58)), _RED, 0.2)
    if variant % 2:
        pen.stroke(_line((0.58, -0.58), (-0.58, 0.58)), _RED, 0.2)


def _mandatory(pen: _Pen, variant: int) -> None:
    pen.base(_WHITE)
    pen.base(_BLUE, share=0.95)
    dx, dy = ((0, -1), (1, 0), (-1, 0), (0.7, 0.7))[variant]
    tip, tail = np.array([dx, dy]) * 0.68, np.array([dx, dy]) * -0.6
    normal = np.array([-dy, dx]) * 0.4
    middle = np.array([dx, dy]) * 0.1
    pen.stroke(np.stack([tail, middle]), _WHITE, 0.22)
    pen.fill(np.stack([tip, middle + normal, middle - normal]), _WHITE)


def _parking(pen: _Pen, variant: int) -> None:
    pen.base(_WHITE)
    pen.base(_BLUE, share=0.93)
    pen.text("P" if variant < 3 else "H", _WHITE, height=1.2, width=0.9, pen=0.2)


def _shop(pen: _Pen, variant: int) -> None:
    field, ink = ((_PURPLE, _WHITE), ((60, 40, 150), _YELLOW), (_WHITE, _GREEN), ((60, 50, 40), _ORANGE))[variant]
    pen.base(field)
    pen.text(("SHOP", "HEAT", "PASTA", "TOP")[variant], ink, height=0.36, width=1.4, pen=0.07)


_DRAW: dict[str, Callable[[_Pen, int], None]] = {
    "speed_30": _speed("30"),
    "speed_120": _speed("120"),
    "no_entry": _no_entry,
    "stop": _stop,
    "yield": _yield,
    "warning": _warning,
    "priority": _priority,
    "crossing": _crossing,
    "back_round": _back,
    "back_triangle": _back,
    "back_octagon": _back,
    "blank": _blank,
    "direction_blue": _direction(_BLUE),
    "direction_green": _direction(_GREEN),
    "billboard": _billboard,
    "no_parking": _no_parking,
    "mandatory": _mandatory,
    "parking": _parking,
    "shop": _shop,
}
