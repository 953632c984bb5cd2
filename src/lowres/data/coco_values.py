"""Single values of a COCO file: what counts as an id, what as a box. Shared by reading and by `lowres doctor`."""

import math
from typing import TypeGuard

from lowres.data.text_files import number_or_nan


def is_id(value: object) -> TypeGuard[int]:
    """Whether the value is a whole number that fits 63 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def box_xyxy(bbox: object) -> list[float]:
    """Corners of a COCO box (x, y, width, height); NaN where it is not four numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return [math.nan] * 4
    x, y, width, height = (number_or_nan(value) for value in bbox)
    return [x, y, x + width, y + height]


def sides_wh(bbox: object) -> list[float]:
    """Width and height of a COCO box as stated; NaN where it is not four numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return [math.nan] * 2
    return [number_or_nan(value) for value in bbox[2:]]
