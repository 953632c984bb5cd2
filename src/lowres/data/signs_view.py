"""One scene's camera and weather: where a point of the street falls on the canvas, and what colour arrives from it.

The canvas is twice the image's size and is drawn without anti-aliasing; averaging it down by two smooths the
edges. Street coordinates are metres: x to the right, y up from the ground, z ahead of the camera. A gentle bend
shifts x by `bend * z**2`. Colours are BGR, 0 to 255, under full daylight; `shade` turns them into what is seen.
"""

import math
from dataclasses import dataclass

import numpy as np

CANVAS_SCALE = 2

Bgr = tuple[float, float, float]
Ink = tuple[int, int, int, int]  # BGR and the owner's number, 0: no sign


@dataclass(frozen=True)
class Weather:
    """Ranges from which a scene draws its light; colours are BGR."""

    share: float
    zenith: tuple[Bgr, Bgr]
    horizon: tuple[Bgr, Bgr]
    cloud: Bgr
    cloudiness: tuple[float, float]
    light: tuple[Bgr, Bgr]
    haze_distance_m: tuple[float, float]
    noise_sigma: tuple[float, float]
    sunny: bool = False
    lamps_lit: bool = False


WEATHERS: dict[str, Weather] = {
    "clear": Weather(
        share=0.44,
        zenith=((190, 118, 52), (222, 160, 96)),
        horizon=((232, 200, 160), (240, 224, 206)),
        cloud=(246, 244, 242),
        cloudiness=(0.0, 0.55),
        light=((0.82, 0.9, 0.98), (1.05, 1.05, 1.08)),
        haze_distance_m=(250, 1200),
        noise_sigma=(0.5, 2.5),
        sunny=True,
    ),
    "overcast": Weather(
        share=0.3,
        zenith=((172, 164, 156), (208, 200, 192)),
        horizon=((206, 202, 198), (226, 224, 222)),
        cloud=(150, 146, 142),
        cloudiness=(0.2, 0.9),
        light=((0.68, 0.66, 0.62), (0.92, 0.88, 0.84)),
        haze_distance_m=(120, 500),
        noise_sigma=(1.0, 3.0),
    ),
    "dusk": Weather(
        share=0.11,
        zenith=((120, 72, 52), (150, 100, 88)),
        horizon=((96, 140, 224), (170, 180, 232)),
        cloud=(110, 100, 150),
        cloudiness=(0.1, 0.7),
        light=((0.42, 0.42, 0.5), (0.6, 0.64, 0.78)),
        haze_distance_m=(150, 500),
        noise_sigma=(1.5, 4.0),
        lamps_lit=True,
    ),
    "night": Weather(
        share=0.08,
        zenith=((26, 14, 10), (46, 30, 24)),
        horizon=((48, 38, 40), (74, 62, 70)),
        cloud=(56, 50, 56),
        cloudiness=(0.0, 0.6),
        light=((0.34, 0.33, 0.34), (0.52, 0.51, 0.53)),
        haze_distance_m=(150, 600),
        noise_sigma=(2.0, 5.0),
        lamps_lit=True,
    ),
    "fog": Weather(
        share=0.07,
        zenith=((196, 192, 188), (216, 212, 210)),
        horizon=((204, 200, 198), (220, 218, 216)),
        cloud=(200, 198, 196),
        cloudiness=(0.0, 0.2),
        light=((0.7, 0.7, 0.68), (0.86, 0.85, 0.84)),
        haze_distance_m=(70, 160),
        noise_sigma=(1.0, 3.0),
    ),
}


def between(rng: np.random.Generator, low: Bgr, high: Bgr) -> Bgr:
    """A colour on the line between two, so that its channels move together."""
    t = float(rng.random())
    return (low[0] + t * (high[0] - low[0]), low[1] + t * (high[1] - low[1]), low[2] + t * (high[2] - low[2]))


@dataclass
class View:
    """Camera, street and light of one scene; lengths on the canvas are canvas pixels."""

    side: int  # of the square canvas
    focal: float
    vanishing_x: float
    horizon_y: float
    camera_height_m: float
    bend: float
    road_left_m: float
    road_right_m: float
    pavement_m: float
    kind: str  # "urban", "suburban", "rural"
    weather: Weather
    zenith: Bgr
    horizon: Bgr
    light: Bgr
    haze_distance_m: float
    sun_side: int  # -1 left, 1 right

    def point(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Canvas position of a street point; z must be positive."""
        return (
            self.vanishing_x + self.focal * (x / z + self.bend * z),
            self.horizon_y + self.focal * (self.camera_height_m - y) / z,
        )

    def points(self, xyz_m: np.ndarray) -> np.ndarray:
        """Canvas positions [..., 2], int32, of street points [..., 3]."""
        x, y, z = xyz_m[..., 0], xyz_m[..., 1], xyz_m[..., 2]
        across = self.vanishing_x + self.focal * (x / z + self.bend * z)
        down = self.horizon_y + self.focal * (self.camera_height_m - y) / z
        return np.rint(np.stack([across, down], axis=-1)).clip(-16000, 16000).astype(np.int32)

    def ring(self, *xyz_m: tuple[float, float, float]) -> np.ndarray:
        """Canvas positions, int32 [n, 2], of a few street points; for polygons, faster than `points`."""
        flat: list[int] = []
        for x, y, z in xyz_m:
            across = self.vanishing_x + self.focal * (x / z + self.bend * z)
            down = self.horizon_y + self.focal * (self.camera_height_m - y) / z
            flat += (int(across), int(down))
        return np.array(flat, np.int32).reshape(-1, 2)

    def metres_to_px(self, z: float) -> float:
        """Canvas pixels that one metre covers at a depth."""
        return self.focal / z

    def haze(self, z: float) -> float:
        """The share of the horizon's colour in what arrives from a depth."""
        return 1.0 - math.exp(-z / self.haze_distance_m)

    def shade(self, colour: Bgr, z: float, *, gain: float = 1.0, glow: float = 0.0, owner: int = 0) -> Ink:
        """The colour seen: lit, hazed, clipped; `glow` in [0, 1] moves it towards its daylight value, for lamps."""
        t = self.haze(z) * (1.0 - 0.6 * glow)
        near = gain * (1.0 - t)
        (b, g, r), (light_b, light_g, light_r), (far_b, far_g, far_r) = colour, self.light, self.horizon
        b = b * near * (light_b + (1.0 - light_b) * glow) + far_b * t
        g = g * near * (light_g + (1.0 - light_g) * glow) + far_g * t
        r = r * near * (light_r + (1.0 - light_r) * glow) + far_r * t
        return (min(255, int(b)), min(255, int(g)), min(255, int(r)), owner)


def sample_view(rng: np.random.Generator, image_size_px: int) -> View:
    """Draw a camera, a street and a weather."""
    side = image_size_px * CANVAS_SCALE
    names = list(WEATHERS)
    weather = WEATHERS[names[int(rng.choice(len(names), p=[WEATHERS[name].share for name in names]))]]
    kind = ("urban", "suburban", "rural")[int(rng.choice(3, p=[0.5, 0.28, 0.22]))]
    wide = {"urban": 1.0, "suburban": 0.8, "rural": 0.9}[kind]
    return View(
        side=side,
        focal=side * float(rng.uniform(0.75, 1.45)),
        vanishing_x=side * float(rng.uniform(0.24, 0.76)),
        horizon_y=side * float(rng.uniform(0.4, 0.62)),
        camera_height_m=float(rng.uniform(1.2, 2.4)),
        bend=float(rng.normal(0.0, 0.0006)),
        road_left_m=-wide * float(rng.uniform(2.0, 8.0)),
        road_right_m=wide * float(rng.uniform(1.8, 6.0)),
        pavement_m={"urban": float(rng.uniform(1.8, 4.5)), "suburban": float(rng.uniform(1.4, 2.6)), "rural": 0.6}[
            kind
        ],
        kind=kind,
        weather=weather,
        zenith=between(rng, *weather.zenith),
        horizon=between(rng, *weather.horizon),
        light=between(rng, *weather.light),
        haze_distance_m=float(rng.uniform(*weather.haze_distance_m)),
        sun_side=1 if rng.random() < 0.5 else -1,
    )
