"""An image as a square of the size that a classifier reads: in training, in measuring and in use alike."""

import cv2
import numpy as np
from jaxtyping import UInt8


def stretched(pixels: UInt8[np.ndarray, "h w 3"], side_px: int) -> UInt8[np.ndarray, "side side 3"]:
    """The image itself where it has that size; averaged down where it is larger, bicubic otherwise."""
    if pixels.shape[:2] == (side_px, side_px):
        return np.ascontiguousarray(pixels)
    shrinks = min(pixels.shape[:2]) >= side_px
    return cv2.resize(pixels, (side_px, side_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
