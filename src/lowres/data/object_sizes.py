"""Object sizes in numbers, as they are and once images shrink: how many objects will be a few pixels wide."""

from typing import Any

import numpy as np

SHRINK_RATIOS = (1, 2, 4)
SIZE_LIMITS_PX = (8, 4, 2)
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def quantiles(values: np.ndarray) -> dict[str, float]:
    """Smallest, 5 %, quartiles, 95 % and largest; empty where there is no value."""
    if not len(values):
        return {}
    return {
        f"q{100 * q:g}": round(float(v), 3) for q, v in zip(_QUANTILES, np.quantile(values, _QUANTILES), strict=True)
    }


def size_summary(sizes: np.ndarray) -> dict[str, Any]:
    """Quantiles of sizes in pixels, and the shares below 8, 4 and 2 px."""
    shares = {str(limit): round(float((sizes < limit).mean()), 4) for limit in SIZE_LIMITS_PX} if len(sizes) else {}
    return {"quantiles": quantiles(sizes), "share_below_px": shares}
