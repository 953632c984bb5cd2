"""The boxes of one image against its frame, by the rules of packing (`lowres.data.box_faults`)."""

import math

import numpy as np

from lowres.data.box_faults import CLIPPED, NOT_FINITE, OUTSIDE, inside_frame
from lowres.data.doctor.loose import LooseObject

_KINDS = {NOT_FINITE: "box_not_finite", OUTSIDE: "box_outside", CLIPPED: "box_out_of_frame"}


def box_fault(found: LooseObject, wh_px: tuple[int, int] | None) -> tuple[str, str] | None:
    """Kind and detail of what is wrong with an object's box; None where it is sound or there is none.

    Without a size the frame has no far edges.
    """
    if found.box_xyxy_px is None:
        return None
    width, height = wh_px or (math.inf, math.inf)
    left, top, right, bottom = found.box_xyxy_px
    if 0 <= left < right <= width and 0 <= top < bottom <= height and right < math.inf and bottom < math.inf:
        return None  # nearly all of them, and quickly
    _, fault = inside_frame(np.array(found.box_xyxy_px), width_px=width, height_px=height)
    if not fault:
        return None
    detail = f"x {left:g} to {right:g}, y {top:g} to {bottom:g}" + (f" in {width}x{height}" if wh_px else "")
    kind = _KINDS.get(fault) or ("box_negative" if right < left or bottom < top else "box_empty")
    return kind, detail
