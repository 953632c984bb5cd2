"""Signs in the street of `signs`: their sizes, poses and wear, and painting them onto the canvas.

A sign's outline is mapped to the canvas exactly, so its box is tight to a fraction of a pixel; its picture is
warped several times larger and averaged down, as a camera's pixels do.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from lowres.data.signs_glyphs import NUM_VARIANTS, TEXTURE_PX, Glyph, glyph, unit_to_texture
from lowres.data.signs_view import View


@dataclass(frozen=True)
class Pose:
    """A plate turned towards the camera: its picture and a homography of unit coordinates."""

    name: str
    glyph: Glyph
    turn: np.ndarray  # float64 [3, 3], scaled so that the outline's box has a long side of 1 and its centre at 0
    width: float  # of the outline's box; the longer of the two is 1
    height: float


@dataclass
class Plate:
    """One sign or look-alike in place; lengths in canvas pixels."""

    pose: Pose
    long_side: float
    x: float  # of the centre of the outline's box
    y: float
    depth_m: float
    owner: int = 0  # 1 to 254, 0 for a look-alike
    drawn_area: int = 0  # canvas pixels covered, were nothing in front and the frame endless

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Tight box of the whole outline, not clipped to the frame."""
        half_width, half_height = self.long_side * self.pose.width / 2, self.long_side * self.pose.height / 2
        return (self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height)

    @property
    def unit_to_canvas(self) -> np.ndarray:
        """Homography [3, 3] from unit coordinates to canvas pixels, whose corner pixel starts at 0."""
        side = self.long_side
        return np.array([[side, 0, self.x], [0, side, self.y], [0, 0, 1]], np.float64) @ self.pose.turn


def sample_pose(name: str, rng: np.random.Generator) -> Pose:
    """Turn a plate about its post, tilt and shear it slightly."""
    picture = glyph(name, int(rng.integers(NUM_VARIANTS)))
    yaw, pitch, roll, shear = (rng.standard_normal(4) * (0.28, 0.07, 0.06, 0.02)).tolist()
    yaw = min(0.84, max(-0.84, yaw))
    cos_roll, sin_roll, cos_yaw, cos_pitch = math.cos(roll), math.sin(roll), math.cos(yaw), math.cos(pitch)
    turn = np.array(
        [
            [cos_roll * cos_yaw, (cos_roll * shear - sin_roll) * cos_pitch, 0],
            [sin_roll * cos_yaw, (sin_roll * shear + cos_roll) * cos_pitch, 0],
            [0.12 * math.sin(yaw), 0.12 * math.sin(pitch), 1],
        ]
    )
    outline = _apply(turn, picture.outline_unit)
    (low_x, low_y), (high_x, high_y) = outline.min(0).tolist(), outline.max(0).tolist()
    width, height = high_x - low_x, high_y - low_y
    scale = 1.0 / max(width, height)
    centred = np.array(
        [[scale, 0, -scale * (low_x + high_x) / 2], [0, scale, -scale * (low_y + high_y) / 2], [0, 0, 1]]
    )
    return Pose(name, picture, centred @ turn, width * scale, height * scale)


def _apply(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    projected = points @ homography[:, :2].T + homography[:, 2]
    return projected[:, :2] / projected[:, 2:]


def _worn(texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The texture after dirt, uneven light and fading."""
    dirt, fade = 0.45 * float(rng.beta(1.0, 3.0)), 0.55 * float(rng.beta(1.2, 4.0))
    gain = float(rng.uniform(0.84, 1.1)) * (1.0 - dirt * rng.random((9, 9), dtype=np.float32))
    gain += np.linspace(-1, 1, 9, dtype=np.float32)[:, None] * float(rng.normal(0, 0.07))
    gain = cv2.resize((gain * 128).clip(0, 255).astype(np.uint8), (TEXTURE_PX, TEXTURE_PX))
    same = np.full_like(gain, 128)
    texture = cv2.multiply(texture, cv2.merge([gain, gain, gain, same]), scale=1 / 128)
    bleach = np.full((4, 4), fade * 0.5 / 3, np.float32) + np.eye(4, dtype=np.float32) * (1 - fade)
    bleach[:, 3] = fade * 70 / 255
    bleach[3] = (0, 0, 0, 1)
    return cv2.transform(texture, bleach)


_REACH = TEXTURE_PX / (2 * (unit_to_texture(np.ones(1))[0] - TEXTURE_PX / 2))
_TEXTURE_CORNERS_UNIT = np.array([[-_REACH, -_REACH], [_REACH, -_REACH], [_REACH, _REACH], [-_REACH, _REACH]])
_TEXTURE_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * TEXTURE_PX - 0.5


def paint_plate(canvas: np.ndarray, view: View, rng: np.random.Generator, plate: Plate, *, shine: float) -> None:
    """Draw the plate and set the owner where it covers; `shine` in [0, 1] is light sent back to the headlamps."""
    quad = _apply(plate.unit_to_canvas, _TEXTURE_CORNERS_UNIT)
    x0, y0 = (math.floor(low) for low in quad.min(0))
    width, height = math.ceil(quad[:, 0].max()) - x0, math.ceil(quad[:, 1].max()) - y0
    times = min(8, max(1, round(TEXTURE_PX / max(width, height))))
    to_patch = cv2.getPerspectiveTransform(_TEXTURE_CORNERS, ((quad - (x0, y0)) * times - 0.5).astype(np.float32))
    worn = _worn(plate.pose.glyph.texture, rng)
    patch = cv2.warpPerspective(worn, to_patch, (width * times, height * times), flags=cv2.INTER_LINEAR)
    if times > 1:
        patch = cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA)
    covered = patch[..., 3] > 127
    plate.drawn_area = int(np.count_nonzero(covered))
    left, top = max(0, -x0), max(0, -y0)
    right, bottom = min(width, view.side - x0), min(height, view.side - y0)
    if right <= left or bottom <= top:
        return
    patch, covered = patch[top:bottom, left:right], covered[top:bottom, left:right]
    t = view.haze(plate.depth_m) * (1 - 0.3 * shine)
    lit = np.zeros((4, 4), np.float32)
    for channel, (light, far) in enumerate(zip(view.light, view.horizon, strict=True)):
        lit[channel, channel] = (light + max(0.0, 0.95 - light) * shine) * (1 - t)
        lit[channel, 3] = far * t / 255
    lit[3, 3] = 1
    colour = cv2.transform(patch, lit)[..., :3]
    region = canvas[y0 + top : y0 + bottom, x0 + left : x0 + right]
    behind = cv2.multiply(region[..., :3], cv2.merge([255 - patch[..., 3]] * 3), scale=1 / 255)
    region[..., :3] = cv2.add(behind, np.ascontiguousarray(colour))
    region[..., 3][covered] = plate.owner
