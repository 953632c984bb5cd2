"""Mean and interval over the seeds of a study or a sweep."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """Mean and half width of the interval of the mean at `level` (Student's t); no width for a single seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    return mean, float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def said(values: Sequence[float], *, signed: bool = False) -> str:
    """Mean and interval of fractions, as percent; `signed` puts a plus before gains. A dash where there is none."""
    if not values:
        return "–"
    mean, half = interval(values)
    text = f"{100 * mean:{'+' if signed else ''}.1f}"
    return text if np.isnan(half) else f"{text} ± {100 * half:.1f}"
