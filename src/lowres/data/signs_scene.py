"""One scene of `signs`: a street, what stands in it, and up to six signs with their boxes.

Everything is painted far to near. A sign that is more than half hidden, behind leaves, cars, other signs or the
frame, is not annotated. Boxes are those of the sign's whole outline, clipped to the frame.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from lowres.data import signs_props as props
from lowres.data.signs_glyphs import CLASS_NAMES, PLATE_NAMES
from lowres.data.signs_mount import Plate, paint_plate, sample_pose
from lowres.data.signs_sensor import develop
from lowres.data.signs_street import paint_street
from lowres.data.signs_view import CANVAS_SCALE, WEATHERS, View, sample_view

MAX_SIGNS = 6
MIN_SIDE_FRAC, MAX_SIDE_FRAC = 8 / 256, 60 / 256
MIN_VISIBLE_SHARE = 0.5
_COUNT_SHARES = (0.04, 0.07, 0.11, 0.16, 0.2, 0.22, 0.2)  # of scenes with 0 to 6 signs
_TRIES = 14

Box = tuple[float, float, float, float]
Layer = tuple[float, Callable[[np.ndarray], None]]  # depth in metres, painter


@dataclass(frozen=True)
class SceneSign:
    """One annotated sign: class index in CLASS_NAMES, box in image pixels, share of its picture that is visible."""

    label: int
    box_xyxy_px: tuple[float, float, float, float]
    visible_share: float


@dataclass
class Scene:
    """An image, uint8 BGR [side, side, 3], and its annotated signs."""

    image: np.ndarray
    signs: list[SceneSign] = field(default_factory=list)


def render_scene(rng: np.random.Generator, image_size_px: int) -> Scene:
    """Draw one scene; the generator's state decides everything."""
    view = sample_view(rng, image_size_px)
    canvas = paint_street(view, rng)
    layers: list[Layer] = []
    _plan_props(view, rng, layers)
    planner = _SignPlanner(view, rng, layers)
    planner.plan()
    for _, paint in sorted(layers, key=lambda layer: -layer[0]):
        paint(canvas)
    small = cv2.resize(canvas, (image_size_px, image_size_px), interpolation=cv2.INTER_AREA)
    image = develop(cv2.cvtColor(small, cv2.COLOR_BGRA2BGR), view, rng)
    return Scene(image, [sign for plate in planner.signs if (sign := _annotate(plate, canvas)) is not None])


def _annotate(plate: Plate, canvas: np.ndarray) -> SceneSign | None:
    side = canvas.shape[0]
    x0, y0, x1, y1 = (min(max(value, 0.0), float(side)) for value in plate.box_xyxy)
    owners = canvas[max(0, int(y0) - 1) : int(y1) + 2, max(0, int(x0) - 1) : int(x1) + 2, 3]
    visible_share = np.count_nonzero(owners == plate.owner) / max(1, plate.drawn_area)
    if visible_share < MIN_VISIBLE_SHARE:
        return None
    box = (x0 / CANVAS_SCALE, y0 / CANVAS_SCALE, x1 / CANVAS_SCALE, y1 / CANVAS_SCALE)
    return SceneSign(CLASS_NAMES.index(plate.pose.name), box, visible_share)


class _SignPlanner:
    """Finds places for signs and look-alikes, and adds them with their posts to the layers."""

    def __init__(self, view: View, rng: np.random.Generator, layers: list[Layer]) -> None:
        self.view, self.rng, self.layers = view, rng, layers
        self.signs: list[Plate] = []
        self.boxes: list[Box] = []
        lit = {"night": (0.55, 0.95), "dusk": (0.15, 0.5)}
        self.shine = float(rng.uniform(*((0.0, 0.12) if not view.weather.lamps_lit else lit[_hour(view)])))

    def plan(self) -> None:
        rng = self.rng
        remaining = int(rng.choice(MAX_SIGNS + 1, p=_COUNT_SHARES))
        while remaining > 0:
            size = self._size()
            stacked = 2 if remaining > 1 and rng.random() < 0.2 else 1
            names = [CLASS_NAMES[int(rng.integers(len(CLASS_NAMES)))] for _ in range(stacked)]
            remaining -= stacked
            if not self._post(names, size) and not self._mast(names[:1], size):
                self._beside_camera(names[:1], size)
        for _ in range(int(rng.choice(4, p=(0.4, 0.36, 0.16, 0.08)))):
            name = PLATE_NAMES[int(rng.integers(len(PLATE_NAMES)))]
            if name in ("shop", "billboard") or rng.random() < 0.15:
                self._mast([name], self._size())
            else:
                self._post([name], self._size())

    def _size(self) -> float:
        low, high = np.log(MIN_SIDE_FRAC), np.log(MAX_SIDE_FRAC)
        return float(np.exp(self.rng.uniform(low, high))) * self.view.side

    def _free(self, box: Box, slack: float) -> bool:
        """Inside the frame but for `slack` pixels, and clear of the plates already placed."""
        x0, y0, x1, y1 = box
        if min(x0, y0) < -slack or max(x1, y1) > self.view.side + slack:
            return False
        for a0, b0, a1, b1 in self.boxes:
            width, height = min(x1, a1) - max(x0, a0), min(y1, b1) - max(y0, b0)
            if width > 0 and height > 0:
                smaller = min((x1 - x0) * (y1 - y0), (a1 - a0) * (b1 - b0))
                if width * height > 0.12 * smaller:
                    return False
        return True

    def _post(self, names: list[str], size: float) -> bool:
        """On a post beside the road; several names hang one below the other."""
        view, rng = self.view, self.rng
        for _ in range(_TRIES):
            plate_m = float(rng.uniform(0.5, 1.0))
            z = view.focal * plate_m / size
            right = rng.random() < 0.6
            offset = float(rng.uniform(0.35, 1.0 + view.pavement_m))
            x = view.road_right_m + offset if right else view.road_left_m - offset
            y = float(rng.uniform(1.8, 3.0)) + plate_m * (len(names) - 1)
            centre = view.point(x, y, z)
            if self._hang(names, size, centre, x, y, z, plate_m):
                return True
        return False

    def _beside_camera(self, names: list[str], size: float) -> None:
        """Near the left or right edge of the frame: what is left for signs too large for the roadside."""
        view, rng = self.view, self.rng
        for _ in range(_TRIES):
            plate_m = float(rng.uniform(0.5, 0.9))
            z = view.focal * plate_m / size
            inset = size * float(rng.uniform(0.55, 1.4))
            across = inset if rng.random() < 0.5 else view.side - inset
            x = (across - view.vanishing_x) * z / view.focal - view.bend * z * z
            y = float(rng.uniform(1.4, 2.6))
            if self._hang(names, size, (across, view.point(x, y, z)[1]), x, y, z, plate_m):
                return

    def _hang(
        self, names: list[str], size: float, centre: tuple[float, float], x: float, y: float, z: float, plate_m: float
    ) -> bool:
        view, rng = self.view, self.rng
        slack = 0.25 * size if rng.random() < 0.02 else -2.0  # now and then the frame cuts a sign
        if not self._free(
            (centre[0] - size / 2, centre[1] - size / 2, centre[0] + size / 2, centre[1] + size / 2), slack
        ):
            return False
        plates = [
            Plate(sample_pose(name, rng), size, centre[0], centre[1] + 1.06 * size * i, z)
            for i, name in enumerate(names)
        ]
        if not all(self._free(plate.box_xyxy, slack) for plate in plates[1:]):
            return False
        top = y + 0.45 * plate_m
        self.layers.append((z, lambda canvas: props.paint_post(canvas, view, x, z, top)))
        for plate in plates:
            self._add(plate)
        if rng.random() < 0.16:
            below = plates[-1].box_xyxy[3] + 0.3 * size
            tag = Plate(sample_pose("blank", rng), 0.8 * size, centre[0], below, z)
            if self._free(tag.box_xyxy, -2.0):
                self._add(tag)
        return True

    def _mast(self, names: list[str], size: float) -> bool:
        """Over the road on an arm that reaches from a mast at the roadside, or out from a wall."""
        view, rng = self.view, self.rng
        for _ in range(_TRIES // 2):
            plate_m = float(rng.uniform(0.6, 1.1))
            z = view.focal * plate_m / size
            right = rng.random() < 0.5
            base = view.road_right_m + 0.6 if right else view.road_left_m - 0.6
            x = base - (1 if right else -1) * float(rng.uniform(0.4, 3.6))
            y = float(rng.uniform(3.4, 5.6))
            centre = view.point(x, y, z)
            if self._free(_square(centre, size), -2.0):
                self.layers.append((z, partial(props.paint_mast, view=view, base_m=base, x=x, y=y, z=z)))
                self._add(Plate(sample_pose(names[0], rng), size, *centre, z))
                return True
        return False

    def _add(self, plate: Plate) -> None:
        view, rng = self.view, self.rng
        self.boxes.append(plate.box_xyxy)
        if plate.pose.name in CLASS_NAMES:
            self.signs.append(plate)
            plate.owner = len(self.signs)
        shine = self.shine * float(rng.uniform(0.6, 1.0))
        self.layers.append((plate.depth_m - 0.01, lambda canvas: paint_plate(canvas, view, rng, plate, shine=shine)))
        if rng.random() < 0.12:
            self._hide(plate)

    def _hide(self, plate: Plate) -> None:
        """Leaves over an edge of the plate, or a pole in front of it."""
        view, rng = self.view, self.rng
        x0, y0, x1, y1 = plate.box_xyxy
        size = float(max(x1 - x0, y1 - y0))
        z = plate.depth_m * 0.9
        if rng.random() < 0.7:
            angle = float(rng.uniform(0, 2 * np.pi))
            away = size * float(rng.uniform(0.45, 0.7))
            centre = ((x0 + x1) / 2 + away * math.cos(angle), (y0 + y1) / 2 + away * math.sin(angle))
            crown = size * float(rng.uniform(0.7, 1.2))
            self.layers.append((z, lambda canvas: props.paint_sapling(canvas, view, rng, centre, crown, z)))
        else:
            across = float(rng.uniform(x0, x1))
            x = (across - view.vanishing_x) * z / view.focal - view.bend * z * z
            radius = float(rng.uniform(0.03, 0.075)) * size / view.metres_to_px(z)
            self.layers.append((z, lambda canvas: props.paint_post(canvas, view, x, z, 4.5, radius_m=radius)))


def _square(centre: tuple[float, float], side: float) -> Box:
    return (centre[0] - side / 2, centre[1] - side / 2, centre[0] + side / 2, centre[1] + side / 2)


def _hour(view: View) -> str:
    return "night" if view.weather is WEATHERS["night"] else "dusk"


def _plan_props(view: View, rng: np.random.Generator, layers: list[Layer]) -> None:
    """Trees, cars, lamps, people: how many depends on the kind of street."""
    left, right, pavement = view.road_left_m, view.road_right_m, view.pavement_m
    urban, rural = view.kind == "urban", view.kind == "rural"

    def add(paint: Callable[..., None], x: float, z: float) -> None:
        across = view.point(x, 0.0, z)[0]
        if -0.25 * view.side < across < 1.25 * view.side:
            layers.append((z, lambda canvas: paint(canvas, view, rng, x, z)))

    def depth(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    for side, edge in ((-1, left), (1, right)):
        if rng.random() < (0.4 if urban else 0.8):
            for _ in range(int(rng.integers(1, 9))):
                offset = float(rng.uniform(0.8, pavement)) if urban else float(rng.uniform(pavement + 1, 16))
                add(props.paint_tree, edge + side * offset, depth(9, 90))
        if not urban and rng.random() < 0.7:
            for _ in range(int(rng.integers(2, 9))):
                add(props.paint_bush, edge + side * (pavement + float(rng.uniform(0.5, 3.5))), depth(5, 40))
        if rng.random() < (0.6 if not rural else 0.2):
            spacing, start = float(rng.uniform(14, 28)), float(rng.uniform(5, 20))
            for z in np.arange(start, 90, spacing):
                add(props.paint_lamp, edge + side * 0.5, float(z))
        if not rural and rng.random() < 0.55:
            for z in np.arange(float(rng.uniform(5, 14)), 60, 6.0):
                if rng.random() < 0.55:
                    add(props.paint_car, edge - side * 1.1, float(z))
        if not rural:
            for _ in range(int(rng.integers(0, 4))):
                add(props.paint_person, edge + side * float(rng.uniform(0.4, pavement)), depth(7, 50))
        if rng.random() < (0.3 if urban else 0.06):
            add(props.paint_traffic_light, edge + side * 0.5, depth(7, 50))
        if rural and rng.random() < 0.35:
            layers.append((70.0, partial(props.paint_fence, view=view, rng=rng, side=side)))
    for _ in range(int(rng.integers(0, 4))):
        lane = float(rng.uniform(left + 1.4, right - 1.4)) if right - left > 3.2 else (left + right) / 2
        add(props.paint_car, lane, depth(9, 80))
