"""Percentile bootstrap over images: how much a number depends on which images were tested.

A statistic is a function of weights int32 [b, n], how often each of n images was drawn in each of b resamples, and
gives {name: values [b]}, NaN where a resample leaves the value undefined. Weights of ones give the value itself.
Statistics that meet the same weights are paired. None of this says how much a result depends on the seed of a training.

A resample holds about 63 % of the images, some of them several times, and AP rises with that: a class with few objects
is easier when these are fewer, or is left out. Plain percentiles can then miss the very number they are about, so they
are moved (`centred`) until the mean resample stands at the number; their width and skew stay.
"""

import math
from collections.abc import Callable

import numpy as np

Statistic = Callable[[np.ndarray], dict[str, np.ndarray]]


def resampled(
    statistic: Statistic, *, num_images: int, resamples: int = 1000, seed: int = 0, block: int = 64
) -> dict[str, np.ndarray]:
    """Values [resamples] of each name over images drawn with replacement; the same for a same seed.

    `block` resamples are computed at once and change no value. Raises `ValueError` for no images, fewer than one
    resample, and a negative seed.
    """
    if num_images < 1:
        raise ValueError("bootstrap: there are no images to draw from")
    if resamples < 1:
        raise ValueError(f"resamples: {resamples} is under 1; use some hundreds")
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative; use 0 or more")
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, resamples, block):
        rows = [_draw(rng, num_images) for _ in range(min(block, resamples - start))]
        for name, values in statistic(np.stack(rows)).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def value_of(statistic: Statistic, *, num_images: int) -> dict[str, float | None]:
    """What the statistic says of the images as they are; None where that is undefined."""
    found = statistic(np.ones((1, num_images), dtype=np.int32))
    return {name: None if math.isnan(values[0]) else float(values[0]) for name, values in found.items()}


def centred(values: np.ndarray, *, at: float) -> np.ndarray:
    """The resampled values, moved so that the mean of the defined ones is the number itself."""
    defined = values[~np.isnan(values)]
    return values + (at - defined.mean()) if defined.size else values


def percentile_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """(low, high) that hold the middle `level` of the defined values; None where none is defined.

    Raises `ValueError` for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level: {level} is outside (0, 1); 0.95 is a 95 % interval")
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def intervals_around(
    statistic: Statistic, *, num_images: int, level: float = 0.95, resamples: int = 1000, seed: int = 0, block: int = 64
) -> dict[str, tuple[float, float] | None]:
    """The centred interval of each fraction in [0, 1] that the statistic knows; None where it is undefined.

    Errors as in `resampled` and `percentile_interval`.
    """
    drawn = resampled(statistic, num_images=num_images, resamples=resamples, seed=seed, block=block)
    intervals: dict[str, tuple[float, float] | None] = {}
    for name, value in value_of(statistic, num_images=num_images).items():
        if value is None:
            intervals[name] = None
        else:
            moved = np.clip(centred(drawn[name], at=value), 0.0, 1.0)
            intervals[name] = percentile_interval(moved, level=level)
    return intervals


def _draw(rng: np.random.Generator, num_images: int) -> np.ndarray:
    return np.bincount(rng.integers(0, num_images, num_images), minlength=num_images).astype(np.int32)
