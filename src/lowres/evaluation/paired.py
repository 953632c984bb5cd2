"""Whether one result is better than another over the same images: a paired bootstrap.

Both results meet the same resamples of images, so that what makes an image hard for both takes no part in their
difference. It says how much the difference depends on the images, not on the seeds of two trainings.
"""

from dataclasses import dataclass

import numpy as np

from lowres.evaluation.bootstrap import Statistic, centred, percentile_interval, resampled, value_of


@dataclass(frozen=True)
class Difference:
    """B minus A of one number in [0, 1], with its interval over images.

    `share_b_better` of the resamples have B above A.
    """

    a: float
    b: float
    difference: float
    interval: tuple[float, float]
    level: float
    share_b_better: float
    num_images: int

    def verdict(self, name: str) -> str:
        """One sentence about the number of this name."""
        low, high = self.interval
        if low == high == self.difference == 0:
            return (
                f"No difference at all: {name} {self.a:.3f} for both, in every resample of {self.num_images:,} images."
            )
        told = (
            f"{name} {self.b:.3f} against {self.a:.3f}, {self.difference:+.3f} "
            f"({100 * self.level:g} % interval {low:+.3f} to {high:+.3f}, {self.num_images:,} images)"
        )
        if low > 0:
            return f"B is better: {told}."
        if high < 0:
            return f"B is worse: {told}."
        return f"No clear difference: B has {told}, and the interval holds 0."


def paired_differences(
    a: Statistic,
    b: Statistic,
    *,
    names: tuple[str, ...],
    num_images: int,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Difference | None]:
    """The difference of each of these numbers of the statistics; None where one of the two is undefined.

    Errors as in `bootstrap`.
    """

    def both(weights: np.ndarray) -> dict[str, np.ndarray]:
        sides = {"a": a(weights), "b": b(weights)}
        return {f"{side}/{name}": values[name] for side, values in sides.items() for name in names}

    values = value_of(both, num_images=num_images)
    drawn = resampled(both, num_images=num_images, resamples=resamples, seed=seed)
    found: dict[str, Difference | None] = {}
    for name in names:
        one, other = values[f"a/{name}"], values[f"b/{name}"]
        if one is None or other is None:
            found[name] = None
            continue
        differences = centred(drawn[f"b/{name}"] - drawn[f"a/{name}"], at=other - one)
        interval = percentile_interval(differences, level=level)
        assert interval is not None
        defined = differences[~np.isnan(differences)]
        found[name] = Difference(
            a=one,
            b=other,
            difference=other - one,
            interval=interval,
            level=level,
            share_b_better=float((defined > 0).mean()),
            num_images=num_images,
        )
    return found
