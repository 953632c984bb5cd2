"""What can be wrong with one box in its frame. Packing drops and clips by this; `lowres doctor` reports by this."""

import numpy as np

NOT_FINITE = "not four finite numbers"
SIDE_NOT_POSITIVE = "side not positive"
OUTSIDE = "outside the image"
CLIPPED = "clipped"
_ROUNDING_PX = 0.01


def inside_frame(box_xyxy_px: np.ndarray, *, width_px: float, height_px: float) -> tuple[np.ndarray | None, str]:
    """The part of the box that lies in the frame, or None where nothing is left, and why; "" for a sound box.

    A box that reaches out by less than a hundredth of a pixel is cut without a word: that is rounding.
    """
    if not np.isfinite(box_xyxy_px).all():
        return None, NOT_FINITE
    if not (box_xyxy_px[2:] > box_xyxy_px[:2]).all():
        return None, SIDE_NOT_POSITIVE
    inside = np.clip(box_xyxy_px, 0, np.array([width_px, height_px] * 2, np.float64))
    if not (inside[2:] > inside[:2]).all():
        return None, OUTSIDE
    return inside, CLIPPED if np.abs(inside - box_xyxy_px).max() > _ROUNDING_PX else ""


def described(box_xyxy_px: np.ndarray, fault: str) -> str:
    """The fault and the box, as packing tells it."""
    return f"{fault}: {' '.join(f'{corner:g}' for corner in box_xyxy_px)}"
