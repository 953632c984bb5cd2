"""An image as a square of the size that a classifier reads: in training, in measuring and in use alike."""

import cv2
import numpy as np
from jaxtyping import UInt8


def stretched(pixels: UInt8[np.ndarray, "h w 3"], side_px: int) -> UInt8[np.ndarray, "side side 3"]:
    """The image itself where it has that size; else averaged along each axis that shrinks, bicubic where one grows."""
    height, width = pixels.shape[:2]
    # OpenCV averages only where neither axis grows, so the one that does waits.
    shrunk_wh = min(width, side_px), min(height, side_px)
    if shrunk_wh != (width, height):
        pixels = cv2.resize(pixels, shrunk_wh, interpolation=cv2.INTER_AREA)
    if shrunk_wh != (side_px, side_px):
        pixels = cv2.resize(pixels, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(pixels)
