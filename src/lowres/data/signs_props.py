"""Things that stand in a `signs` street: trees, cars, lamps, traffic lights, people, fences.

Each painter draws on a BGRA canvas whose fourth channel is the owner: a sign's number, or 0. Whatever is drawn
over a sign clears the sign's number there, which is how the hidden share of each sign is known.
"""

from functools import lru_cache

import cv2
import numpy as np

from lowres.data.signs_street import pick
from lowres.data.signs_view import Bgr, Ink, View

_CARS: tuple[Bgr, ...] = (
    (200, 200, 200), (40, 38, 38), (120, 118, 116), (50, 46, 150), (140, 84, 40), (228, 228, 226), (70, 90, 60),
    (60, 66, 84),
)  # fmt: skip
_LEAVES: tuple[Bgr, ...] = ((52, 104, 74), (44, 86, 60), (60, 122, 104), (48, 110, 128), (66, 92, 70))
_COATS: tuple[Bgr, ...] = ((60, 50, 48), (120, 80, 50), (50, 50, 130), (90, 100, 110), (40, 70, 60), (180, 176, 170))
_SPRITE_PX = 128
NUM_SPRITES = 6


@lru_cache(maxsize=2 * NUM_SPRITES)
def _foliage_sprite(number: int, mirrored: bool) -> np.ndarray:
    """Brightness (128 is 1) and coverage, uint8 [128, 128, 2], of a crown of leaves lit from above."""
    rng = np.random.default_rng([7001, number])
    n = _SPRITE_PX
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / (n / 2) - 1
    bumps = np.zeros((n, n), np.float32)
    for cells, weight in ((4, 0.5), (9, 0.4), (22, 0.35), (52, 0.3)):
        noise = rng.random((cells, cells), dtype=np.float32)
        bumps += weight / 1.55 * cv2.resize(noise, (n, n), interpolation=cv2.INTER_CUBIC)
    inside = 1.0 - np.sqrt(x * x + (y * 1.05) ** 2)
    coverage = np.clip((inside + 0.95 * (bumps - 0.5)) * 9, 0, 1)
    coverage[inside < 0.02] = 0
    brightness = (0.62 + 0.9 * (bumps - 0.35) - 0.26 * y).clip(0.25, 1.6)
    sprite = np.dstack([brightness * 128, coverage * 255]).astype(np.uint8)
    return np.ascontiguousarray(sprite[:, ::-1]) if mirrored else sprite


_RAMP = np.arange(256)[:, None] / 128


def stamp_foliage(
    canvas: np.ndarray,
    view: View,
    rng: np.random.Generator,
    centre: tuple[float, float],
    size: tuple[float, float],
    z: float,
) -> None:
    """Draw a crown of leaves about a canvas point, `size` wide and high in canvas pixels."""
    width, height = max(3, round(size[0])), max(3, round(size[1]))
    x0, y0 = round(centre[0] - width / 2), round(centre[1] - height / 2)
    left, top = max(0, -x0), max(0, -y0)
    right, bottom = min(width, view.side - x0), min(height, view.side - y0)
    number, mirrored = int(rng.integers(NUM_SPRITES)), bool(rng.random() < 0.5)
    colour = pick(rng, _LEAVES, 0.2)
    if right <= left or bottom <= top:
        return
    how = cv2.INTER_AREA if width < _SPRITE_PX else cv2.INTER_LINEAR
    sprite = cv2.resize(_foliage_sprite(number, mirrored), (width, height), interpolation=how)[top:bottom, left:right]
    brightness, coverage = cv2.split(sprite)
    ink = view.shade(colour, z)
    table = (_RAMP * ink).clip(0, 255).astype(np.uint8)[None]  # owner 0 stays 0
    leaves = cv2.LUT(cv2.merge([brightness] * 4), table)
    _, covered = cv2.threshold(coverage, 127, 255, cv2.THRESH_BINARY)
    cv2.copyTo(leaves, covered, canvas[y0 + top : y0 + bottom, x0 + left : x0 + right])


def _box(canvas: np.ndarray, view: View, x0: float, x1: float, y0: float, y1: float, z: float, ink: Ink) -> None:
    """A rectangle facing the camera, in metres."""
    (left, bottom), (right, top) = view.point(x0, y0, z), view.point(x1, y1, z)
    cv2.rectangle(canvas, (round(left), round(top)), (round(right), round(bottom)), ink, -1)


def paint_post(
    canvas: np.ndarray,
    view: View,
    x: float,
    z: float,
    top_m: float,
    *,
    radius_m: float = 0.035,
    colour: Bgr = (128, 126, 122),
) -> None:
    """A round metal post: a lit and a shaded half."""
    radius_m = max(radius_m, 0.55 / view.metres_to_px(z))
    _box(canvas, view, x - radius_m, x + radius_m, 0.0, top_m, z, view.shade(colour, z, gain=0.75))
    lit = sorted((x, x + view.sun_side * radius_m))
    _box(canvas, view, lit[0], lit[1], 0.0, top_m, z, view.shade(colour, z, gain=1.15))


def paint_mast(canvas: np.ndarray, view: View, base_m: float, x: float, y: float, z: float) -> None:
    """A mast at `base_m` across whose arm holds something at (x, y)."""
    paint_post(canvas, view, base_m, z, y + 0.3, radius_m=0.09)
    low, high = min(base_m, x), max(base_m, x)
    _box(canvas, view, low, high, y + 0.06, y + 0.2, z, view.shade((112, 110, 106), z))


def paint_tree(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """A trunk and two to four overlapping crowns."""
    height = float(rng.uniform(4.5, 9.0))
    crown = float(rng.uniform(2.6, 4.8))
    scale = view.metres_to_px(z)
    _box(canvas, view, x - 0.14, x + 0.14, 0, height - crown / 3, z, view.shade((52, 66, 84), z))
    for _ in range(int(rng.integers(2, 5))):
        dx, dy = float(rng.normal(0, 0.25)) * crown, float(rng.normal(0, 0.18)) * crown
        size = crown * float(rng.uniform(0.75, 1.15)) * scale
        stamp_foliage(canvas, view, rng, view.point(x + dx, height - crown / 2 + dy, z), (size, size * 0.9), z)


def paint_sapling(
    canvas: np.ndarray, view: View, rng: np.random.Generator, centre: tuple[float, float], crown_px: float, z: float
) -> None:
    """A young tree or a twig whose crown covers a given place on the canvas."""
    foot = view.point(0.0, 0.0, z)[1]
    bend = (round(centre[0] + float(rng.normal(0, 0.1)) * crown_px), round(foot))
    thickness = max(1, round(0.07 * crown_px))
    cv2.line(canvas, (round(centre[0]), round(centre[1])), bend, view.shade((52, 66, 84), z), thickness)
    stamp_foliage(canvas, view, rng, centre, (crown_px, crown_px), z)


def paint_bush(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """A low hedge."""
    width, height = float(rng.uniform(0.9, 2.6)), float(rng.uniform(0.7, 1.3))
    scale = view.metres_to_px(z)
    stamp_foliage(canvas, view, rng, view.point(x, height * 0.42, z), (width * scale, height * scale), z)


def paint_car(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """A car or van seen from behind (right half of the road) or from the front, with the flank that shows."""
    colour = pick(rng, _CARS)
    van = rng.random() < 0.18
    width, height, length = (1.95, 2.2, 5.0) if van else (1.75, float(rng.uniform(1.4, 1.65)), 4.1)
    from_behind = x > (view.road_left_m + view.road_right_m) / 2
    left, right = x - width / 2, x + width / 2
    waist = height * (0.52 if not van else 0.5)
    far = z + length
    shadow = view.ring((left - 0.1, 0, z), (right + 0.1, 0, z), (right + 0.1, 0, far), (left - 0.1, 0, far))
    cv2.fillConvexPoly(canvas, shadow, view.shade((40, 40, 40), z))
    roof_in, front_in = (0.06, 0.2) if van else (0.2, 1.0)
    if abs(x) > width / 2:
        flank = left if x > 0 else right
        inner = flank + (roof_in if x > 0 else -roof_in)
        body = view.ring((flank, 0.25, z), (flank, waist, z), (flank, waist, far), (flank, 0.25, far))
        cabin = view.ring(
            (flank, waist, z), (inner, height, z + 0.4), (inner, height, far - front_in), (flank, waist, far - 0.4)
        )
        cv2.fillConvexPoly(canvas, cabin, view.shade((70, 62, 56), z))
        cv2.fillConvexPoly(canvas, body, view.shade(colour, z, gain=0.75))
        for wheel_z in (z + 0.8, far - 0.8):
            a, b = view.point(flank, 0.32, wheel_z), view.point(flank, 0.32, wheel_z + 0.64)
            radii = (max(1, round(abs(b[0] - a[0]) / 2)), max(1, round(0.32 * view.metres_to_px(wheel_z))))
            cv2.ellipse(canvas, (round(a[0]), round(a[1])), radii, 0, 0, 360, view.shade((36, 34, 34), z), -1)
    for wheel_x in (left + 0.02, right - 0.26):
        _box(canvas, view, wheel_x, wheel_x + 0.24, 0, 0.45, z, view.shade((30, 30, 30), z))
    for inset, low, high, paint, gain in (
        (0.0, waist, height, colour, 0.9),
        (0.14, waist + 0.04, height - 0.12, (98.0, 86.0, 74.0), 1.0),
    ):
        a, b = inset, inset + roof_in
        cabin = view.ring(
            (left + a, low, z), (right - a, low, z), (right - b, high, z + 0.3), (left + b, high, z + 0.3)
        )
        cv2.fillConvexPoly(canvas, cabin, view.shade(paint, z, gain=gain))
    _box(canvas, view, left, right, 0.28, waist, z, view.shade(colour, z))
    _box(canvas, view, left + 0.05, right - 0.05, 0.25, 0.42, z, view.shade((56, 54, 54), z))
    _box(canvas, view, x - 0.26, x + 0.26, 0.5, 0.62, z, view.shade((224, 226, 226), z))
    glow = 1.0 if view.weather.lamps_lit else (0.9 if from_behind and rng.random() < 0.3 else 0.0)
    lamp: Bgr = (40, 32, 214) if from_behind else (216, 232, 240)
    for lamp_x in (left + 0.06, right - 0.36):
        _box(canvas, view, lamp_x, lamp_x + 0.3, waist - 0.24, waist - 0.06, z, view.shade(lamp, z, glow=glow))


def paint_lamp(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """A street lamp leaning over the road."""
    height = float(rng.uniform(5.5, 8.5))
    reach = -1.6 if x > 0 else 1.6
    colour = pick(rng, ((96, 94, 92), (70, 76, 66), (140, 138, 136)))
    paint_post(canvas, view, x, z, height, radius_m=0.06, colour=colour)
    a, b = view.ring((x, height, z), (x + reach, height + 0.35, z))
    thickness = max(1, round(0.08 * view.metres_to_px(z)))
    cv2.line(canvas, a.tolist(), b.tolist(), view.shade(colour, z), thickness)
    lit = view.weather.lamps_lit
    ink = view.shade((170, 220, 250) if lit else (200, 200, 196), z, glow=1.0 if lit else 0.0)
    _box(canvas, view, x + reach - 0.3, x + reach + 0.3, height + 0.22, height + 0.42, z, ink)


def paint_traffic_light(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """A post with three lamps, one of them lit."""
    bottom = float(rng.uniform(2.2, 3.2))
    paint_post(canvas, view, x, z, bottom + 0.1, radius_m=0.05)
    _box(canvas, view, x - 0.17, x + 0.17, bottom, bottom + 0.95, z, view.shade((38, 40, 38), z))
    lit = int(rng.integers(3))
    for i, colour in enumerate(((80, 200, 60), (40, 190, 240), (40, 40, 235))):
        px, py = view.point(x, bottom + 0.18 + 0.3 * i, z)
        radius = max(1, round(0.105 * view.metres_to_px(z)))
        ink = view.shade(colour, z, glow=1.0) if i == lit else view.shade((52, 50, 48), z)
        cv2.circle(canvas, (round(px), round(py)), radius, ink, -1)


def paint_person(canvas: np.ndarray, view: View, rng: np.random.Generator, x: float, z: float) -> None:
    """Somebody on the pavement."""
    height = float(rng.uniform(1.5, 1.9))
    coat, trousers = pick(rng, _COATS, 0.25), pick(rng, _COATS, 0.25)
    step = float(rng.uniform(0.06, 0.26))
    scale = view.metres_to_px(z)
    for dx in (-step, step):
        a, b = view.ring((x, height * 0.5, z), (x + dx, 0.0, z))
        cv2.line(canvas, a.tolist(), b.tolist(), view.shade(trousers, z), max(1, round(0.17 * scale)))
    px, py = view.point(x, height * 0.66, z)
    axes = (max(1, round(0.21 * scale)), max(1, round(height * 0.2 * scale)))
    cv2.ellipse(canvas, (round(px), round(py)), axes, 0, 0, 360, view.shade(coat, z), -1)
    px, py = view.point(x, height - 0.12, z)
    cv2.circle(canvas, (round(px), round(py)), max(1, round(0.12 * scale)), view.shade((120, 150, 190), z), -1)


def paint_fence(canvas: np.ndarray, view: View, rng: np.random.Generator, side: int) -> None:
    """A guard rail or railing along one side of the road."""
    x = (view.road_right_m + 0.5) if side > 0 else (view.road_left_m - 0.5)
    depths = np.geomspace(2.0, 70.0, 14).tolist()
    rail = rng.random() < 0.6
    for z0, z1 in zip(depths[:-1][::-1], depths[1:][::-1], strict=True):
        for low, high in ((0.45, 0.75),) if rail else ((0.5, 0.55), (0.9, 0.96)):
            quad = view.ring((x, low, z0), (x, high, z0), (x, high, z1), (x, low, z1))
            cv2.fillConvexPoly(canvas, quad, view.shade((168, 164, 158), z0))
        _box(canvas, view, x - 0.04, x + 0.04, 0, 0.75 if rail else 0.96, z0, view.shade((120, 118, 114), z0))
