"""One image on its way into a classifier: the network's square, made as `lowres.data.resident` makes it."""

from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8


def stretched(pixels: UInt8[np.ndarray, "h w 3"], sizing: dict[str, Any]) -> UInt8[np.ndarray, "side side 3"]:
    """An RGB image at the size that the network reads; `sizing` is the `input` of a model's specification."""
    side = sizing["short_side_px"]
    if pixels.shape[:2] == (side, side):
        return np.ascontiguousarray(pixels)
    shrinks = min(pixels.shape[:2]) >= side
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
