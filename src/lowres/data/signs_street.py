"""The empty street of a `signs` scene, far to near: sky, skyline, ground with road and marks, rows of buildings."""

import cv2
import numpy as np

from lowres.data.signs_view import Bgr, View

_FACADES: tuple[Bgr, ...] = (
    (150, 176, 196), (120, 140, 160), (96, 108, 156), (176, 188, 196), (84, 92, 120), (150, 150, 148),
    (196, 206, 212), (120, 156, 184), (104, 120, 128), (140, 168, 208), (88, 96, 100), (172, 168, 150),
)  # fmt: skip
_ROOFS: tuple[Bgr, ...] = ((60, 70, 130), (70, 66, 64), (52, 60, 92), (84, 92, 104), (46, 50, 80))
_GRASS: tuple[Bgr, ...] = ((62, 118, 92), (70, 130, 112), (84, 138, 142), (52, 96, 78))
_PAVING: tuple[Bgr, ...] = ((150, 156, 160), (132, 138, 146), (168, 170, 170), (120, 132, 148))
_ASPHALT: tuple[Bgr, ...] = ((92, 90, 88), (108, 106, 104), (78, 78, 80), (124, 122, 120))
_AWNINGS: tuple[Bgr, ...] = ((60, 50, 150), (130, 90, 50), (70, 120, 60), (120, 130, 140), (50, 60, 70))
_LAMPLIGHT: Bgr = (110, 190, 236)
_PAINT: Bgr = (226, 228, 228)
_FAR_M = 160.0


def pick(rng: np.random.Generator, colours: tuple[Bgr, ...], jitter: float = 0.12) -> Bgr:
    """One of the colours, made a little lighter or darker."""
    b, g, r = colours[int(rng.integers(len(colours)))]
    gain = 1.0 + jitter * float(rng.uniform(-1, 1))
    return (b * gain, g * gain, r * gain)


def paint_street(view: View, rng: np.random.Generator) -> np.ndarray:
    """The scene without things standing on it: uint8 [side, side, 4], BGR and owner 0."""
    canvas = np.zeros((view.side, view.side, 4), np.uint8)
    _sky(canvas, view, rng)
    _skyline(canvas, view, rng)
    _ground(canvas, view, rng)
    _marks(canvas, view, rng)
    for side in (-1, 1):
        _row(canvas, view, rng, side)
    if view.weather.lamps_lit:
        _headlamps(canvas, view, rng)
    _weathering(canvas, rng)
    return canvas


def _smooth(rng: np.random.Generator, shape: tuple[int, int], size_wh: tuple[int, int]) -> np.ndarray:
    return cv2.resize(rng.random(shape, dtype=np.float32), size_wh, interpolation=cv2.INTER_CUBIC)


def _sky(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    height = int(view.horizon_y) + 2
    rows, columns = 32, 48
    t = (np.linspace(0, 1, rows, dtype=np.float32) ** float(rng.uniform(0.8, 1.6)))[:, None, None]
    zenith, horizon = np.array((*view.zenith, 0), np.float32), np.array((*view.horizon, 0), np.float32)
    clouds = _smooth(rng, (6, 5), (columns, rows)) + 0.5 * _smooth(rng, (14, 11), (columns, rows))
    clouds += 0.22 * rng.random((rows, columns), dtype=np.float32)
    cover = float(rng.uniform(*view.weather.cloudiness))
    alpha = np.clip((clouds - 1.35 + 0.75 * cover) * 2.6, 0, 0.9)[..., None]
    shaded = (0.8 + 0.14 * clouds)[..., None] * np.array((*view.weather.cloud, 0), np.float32)
    sky = zenith + (horizon - zenith) * t
    sky = sky + (shaded - sky) * alpha
    canvas[:height] = cv2.resize(sky.clip(0, 255).astype(np.uint8), (view.side, height), interpolation=cv2.INTER_LINEAR)


def _skyline(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    base = int(view.horizon_y) + 3
    for z, low, high in ((420.0, 0.02, 0.11), (220.0, 0.01, 0.07)):
        if view.kind == "urban":
            edges = np.sort(rng.integers(-20, view.side + 20, 22))
            heights = rng.uniform(low, high, 23) * view.side
            ink = view.shade((120, 116, 112), z)
            for left, right, height in zip(edges[:-1].tolist(), edges[1:].tolist(), heights.tolist(), strict=False):
                cv2.rectangle(canvas, (left, int(base - height)), (right, base), ink, -1)
        else:
            heights = _smooth(rng, (1, 9), (33, 1))[0] * (high - low) + low
            heights += rng.random(33, dtype=np.float32) * (0.012 if z < 300 else 0.003)
            top = np.stack([np.linspace(0, view.side, 33), base - heights * view.side], axis=1)
            ring = np.concatenate([top, [[view.side, base], [0, base]]]).astype(np.int32)
            cv2.fillPoly(canvas, [ring], view.shade((64, 104, 78), z))


def _ground(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    nearest = 0.8 * view.focal * view.camera_height_m / (view.side - view.horizon_y)
    depths = np.geomspace(nearest, _FAR_M, 11)
    left, right, pavement = view.road_left_m, view.road_right_m, view.pavement_m
    grass, asphalt = pick(rng, _GRASS), pick(rng, _ASPHALT)
    paving = pick(rng, _PAVING)
    verge = grass if view.kind != "urban" or rng.random() < 0.15 else paving
    kerb = (1.2 * paving[0], 1.2 * paving[1], 1.2 * paving[2])
    shoulder = paving if view.kind != "rural" else pick(rng, ((96, 120, 136), (110, 128, 134)))
    if view.kind == "rural":
        kerb = shoulder
    edges = np.array([-400, left - 0.2 - pavement, left - 0.2, left, right, right + 0.2, right + 0.2 + pavement, 400])
    bands = (verge, shoulder, kerb, asphalt, kerb, shoulder, verge)
    xyz = np.zeros((len(depths), len(edges), 3))
    xyz[..., 0], xyz[..., 2] = edges, depths[:, None]
    xyz[:, 1:3, 1] = xyz[:, 5:7, 1] = 0.0 if view.kind == "rural" else 0.12
    grid = view.points(xyz)
    cv2.rectangle(canvas, (0, int(view.horizon_y)), (view.side, view.side), view.shade(verge, _FAR_M), -1)
    jitters = (1.0 + 0.02 * rng.standard_normal((len(depths), len(bands)))).tolist()
    for i in range(len(depths) - 2, -1, -1):
        z = float(depths[i] * depths[i + 1]) ** 0.5
        for j, colour in enumerate(bands):
            quad = grid[i : i + 2, j : j + 2].reshape(4, 2)[[0, 1, 3, 2]]
            cv2.fillConvexPoly(canvas, quad, view.shade(colour, z, gain=jitters[i][j]))
    for _ in range(int(rng.integers(0, 5))):  # repaired asphalt, manholes
        x, z = float(rng.uniform(left, right - 1)), float(rng.uniform(3, 30))
        patch = _flat(view, x, x + float(rng.uniform(0.5, 2.2)), z, z * float(rng.uniform(1.1, 1.5)))
        cv2.fillConvexPoly(canvas, patch, view.shade(asphalt, z, gain=float(rng.uniform(0.72, 1.12))))
    if view.weather.sunny:
        _shadows(canvas, view, rng)


def _shadows(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    quarter = view.side // 4
    mask = np.full((quarter, quarter), 255, np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        z = float(rng.uniform(4, 50))
        reach = view.sun_side * float(rng.uniform(3, 16))
        x = (view.road_right_m if view.sun_side > 0 else view.road_left_m) + view.sun_side * 6
        quad = _flat(view, x, x - reach - view.sun_side * 6, z, z + float(rng.uniform(0.5, 8)))
        quad[:2, 0] += int(rng.integers(-60, 60))
        cv2.fillConvexPoly(mask, quad // 4, int(rng.integers(110, 170)))
    mask = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 1.2), (view.side, view.side), interpolation=cv2.INTER_LINEAR)
    top = int(view.horizon_y) + 2
    cv2.multiply(canvas[top:], cv2.merge([mask[top:]] * 4), dst=canvas[top:], scale=1 / 255)


def _headlamps(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    """Our own headlamps on the road and the walls beside it."""
    eighth = view.side // 8
    beam = np.zeros((eighth, eighth), np.uint8)
    centre = (int(view.vanishing_x / 8), int((0.4 * view.horizon_y + 0.6 * view.side) / 8))
    strength = int(255 * float(rng.uniform(0.3, 0.9)) * (1.0 - max(view.light)))
    cv2.ellipse(beam, centre, (int(eighth * 0.42), int(eighth * 0.2)), 0, 0, 360, strength, -1)
    beam = cv2.GaussianBlur(beam, (0, 0), eighth / 10)
    beam = cv2.resize(beam, (view.side, view.side), interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(canvas, cv2.merge([beam] * 4), scale=3.0 / 255)
    cv2.add(canvas, lit, dst=canvas)


def _flat(view: View, x0: float, x1: float, z0: float, z1: float) -> np.ndarray:
    return view.ring((x0, 0.0, z0), (x1, 0.0, z0), (x1, 0.0, z1), (x0, 0.0, z1))


def _marks(canvas: np.ndarray, view: View, rng: np.random.Generator) -> None:
    if rng.random() < 0.08:
        return
    left, right = view.road_left_m, view.road_right_m
    wear = float(rng.uniform(0.62, 1.0))
    num_lanes = max(1, round((right - left) / 3.3))
    middle = (120, 196, 226) if rng.random() < 0.12 else _PAINT
    for lane in range(1, num_lanes):
        x = left + (right - left) * lane / num_lanes
        solid = rng.random() < 0.2
        period, dash = (4.0, 4.0) if solid else (float(rng.uniform(5, 10)), float(rng.uniform(2, 4)))
        colour = middle if lane == num_lanes // 2 else _PAINT
        for z in np.arange(2.0 + float(rng.uniform(0, period)) if not solid else 1.5, 70, period).tolist():
            quad = _flat(view, x - 0.08, x + 0.08, z, z + dash)
            cv2.fillConvexPoly(canvas, quad, view.shade(colour, z, gain=wear))
    if view.kind == "rural" or rng.random() < 0.35:
        for x in (left + 0.25, right - 0.25):
            for z in np.geomspace(1.5, 80, 10)[:-1]:
                quad = _flat(view, x - 0.07, x + 0.07, float(z), float(z) * 1.56)
                cv2.fillConvexPoly(canvas, quad, view.shade(_PAINT, float(z), gain=wear))
    if view.kind != "rural" and rng.random() < 0.3:
        z = float(rng.uniform(5, 24))
        stripes = [_flat(view, x, x + 0.5, z, z + 3.2) for x in np.arange(left + 0.3, right - 0.5, 1.0)]
        cv2.fillPoly(canvas, stripes, view.shade(_PAINT, z, gain=wear))


def _row(canvas: np.ndarray, view: View, rng: np.random.Generator, side: int) -> None:
    if view.kind == "rural" and rng.random() < 0.75:
        return
    edge = view.road_right_m if side > 0 else -view.road_left_m
    x = side * (edge + view.pavement_m + {"urban": 0.4, "suburban": 5.0, "rural": 9.0}[view.kind])
    gap = {"urban": 0.12, "suburban": 1.0, "rural": 1.0}[view.kind]
    spans: list[tuple[float, float]] = []
    z = float(rng.uniform(-6, 5))
    while z < 90:
        width = float(rng.uniform(7, 18)) if view.kind == "urban" else float(rng.uniform(7, 12))
        spans.append((z, z + width))
        z += width
        if rng.random() < gap:
            z += float(rng.uniform(2.5, 12))
    for z0, z1 in reversed(spans):
        if z1 > 3.0 and -8 < view.point(x, 0.0, z1)[0] < view.side + 8:
            _building(canvas, view, rng, side, x, max(z0, 1.6), z1)


def _building(
    canvas: np.ndarray, view: View, rng: np.random.Generator, side: int, x: float, z0: float, z1: float
) -> None:
    """One building whose wall along the street is at x, from depth z0 to z1."""
    house = view.kind != "urban"
    storeys = int(rng.integers(1, 3)) if house else int(rng.integers(2, 8))
    height = 3.1 * storeys + (0.4 if house else float(rng.uniform(0.3, 1.6)))
    wall = pick(rng, _FACADES, 0.2)
    sunlit = view.weather.sunny and view.sun_side != side
    along, facing = (1.08 if sunlit else 0.82), (0.72 if view.weather.sunny else 0.9)
    z = (z0 * z1) ** 0.5
    back = x + 9.0 * side
    pane: Bgr = (96, 84, 72) if rng.random() < 0.6 else (150, 132, 112)
    shop = not house and rng.random() < 0.55
    if house:
        roof, ridge, middle = pick(rng, _ROOFS), height + float(rng.uniform(1.8, 3.2)), x + 4.5 * side
        eaves = x - 0.4 * side
        slope = view.ring((eaves, height, z0), (eaves, height, z1), (middle, ridge, z1), (middle, ridge, z0))
        cv2.fillPoly(canvas, [slope], view.shade(roof, z, gain=along))
        if z0 > 2.5:
            gable = view.ring((x, height, z0), (middle, ridge, z0), (back, height, z0))
            cv2.fillPoly(canvas, [gable], view.shade(wall, z0, gain=facing))
    face = view.ring((x, 0.0, z0), (x, height, z0), (x, height, z1), (x, 0.0, z1))
    cv2.fillPoly(canvas, [face], view.shade(wall, z, gain=along))
    if z0 > 2.5:
        front = view.ring((x, 0.0, z0), (x, height, z0), (back, height, z0), (back, 0.0, z0))
        cv2.fillPoly(canvas, [front], view.shade(wall, z0, gain=facing))
        starts = np.arange(3) * 3.0 + 0.75
        columns = np.stack([x + side * starts, x + side * (starts + 1.5)], axis=1)
        _windows(canvas, view, rng, columns, np.full((3, 2), z0), (0, storeys), pane, gain=0.85)
    count = max(1, int((z1 - z0) / 2.6))
    pitch = (z1 - z0) / count
    starts = z0 + (np.arange(count) + 0.25) * pitch
    depths = np.stack([starts, starts + pitch / 2], axis=1)
    _windows(canvas, view, rng, np.full((count, 2), x), depths, (int(shop), storeys), pane, gain=1.0)
    if shop:
        lit = 0.75 if view.weather.lamps_lit and rng.random() < 0.7 else 0.0
        glass = view.ring((x, 0.4, z0 + 0.4), (x, 2.6, z0 + 0.4), (x, 2.6, z1 - 0.4), (x, 0.4, z1 - 0.4))
        cv2.fillPoly(canvas, [glass], view.shade(_LAMPLIGHT if lit else pane, z, glow=lit))
        out = x - 0.9 * side
        awning = view.ring((x, 3.2, z0), (x, 3.2, z1), (out, 2.7, z1), (out, 2.7, z0))
        cv2.fillPoly(canvas, [awning], view.shade(pick(rng, _AWNINGS), z, gain=along))
    if not house:
        cornice = view.ring((x, height, z0), (x, height + 0.35, z0), (x, height + 0.35, z1), (x, height, z1))
        cv2.fillPoly(canvas, [cornice], view.shade(wall, z, gain=along * 1.15))


def _windows(
    canvas: np.ndarray,
    view: View,
    rng: np.random.Generator,
    columns_x: np.ndarray,
    columns_z: np.ndarray,
    floors: tuple[int, int],
    pane: Bgr,
    *,
    gain: float,
) -> None:
    """Windows of one wall: the two edges [n, 2] of each column in metres, one window on each floor."""
    across = view.vanishing_x + view.focal * (columns_x / columns_z + view.bend * columns_z)
    seen = (np.abs(across[:, 0] - across[:, 1]) > 1.2) & (np.abs(across[:, 0] - view.side / 2) < view.side / 2 + 20)
    if not seen.any():
        return
    across, scale = across[seen], view.focal / columns_z[seen]
    sills = np.arange(*floors) * 3.1 + 1.0
    count = len(across)
    quads = np.empty((len(sills), count, 4, 2))
    quads[:, :, :2, 0], quads[:, :, 2:, 0] = across, across[:, ::-1]
    quads[:, :, :2, 1] = view.horizon_y + (view.camera_height_m - sills)[:, None, None] * scale
    quads[:, :, 2:, 1] = view.horizon_y + (view.camera_height_m - sills - 1.5)[:, None, None] * scale[:, ::-1]
    rings = list(quads.astype(np.int32).reshape(-1, 4, 2))
    z = float(columns_z[0, 0])
    if view.weather.lamps_lit and rings:
        lit = rng.random(len(rings)) < 0.35
        bright = [ring for ring, on in zip(rings, lit, strict=True) if on]
        rings = [ring for ring, on in zip(rings, lit, strict=True) if not on]
        if bright:
            cv2.fillPoly(canvas, bright, view.shade(_LAMPLIGHT, z, gain=0.9, glow=0.75))
    if rings:
        cv2.fillPoly(canvas, rings, view.shade(pane, z, gain=gain))


def _weathering(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Dirt and grain, so that no surface is one flat colour."""
    side = canvas.shape[0]
    quarter = side // 4
    coarse = cv2.resize(rng.integers(0, 256, (12, 12), np.uint8), (quarter, quarter), interpolation=cv2.INTER_CUBIC)
    mixed = cv2.addWeighted(rng.integers(0, 256, (quarter, quarter), np.uint8), 0.45, coarse, 0.55, 0)
    mixed = cv2.resize(mixed, (side, side), interpolation=cv2.INTER_LINEAR)
    amount = float(rng.uniform(0.05, 0.12))
    neutral = np.full_like(mixed, 128)  # leaves the owner at 0
    cv2.addWeighted(canvas, 1.0, cv2.merge([mixed, mixed, mixed, neutral]), amount, -128 * amount, dst=canvas)
