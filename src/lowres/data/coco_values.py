"""Single values of a COCO file: what counts as an id, a number, a box. Shared by reading and by `lowres doctor`."""

import json
import math
from pathlib import Path
from typing import Any, TypeGuard


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ValueError: no such file, malformed JSON, or JSON of another shape.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such annotation file; check the path")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: malformed JSON ({error}); was the file cut off?") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: holds a JSON {type(document).__name__}; COCO instances are an object with 'images'")
    return document


def is_id(value: object) -> TypeGuard[int]:
    """Whether the value is a whole number that fits 63 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def json_number(value: object) -> float:
    """A JSON number as a float; NaN for all else, also for whole numbers beyond a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if abs(value) < 1e300 else math.nan


def box_xyxy(bbox: object) -> list[float]:
    """Corners of a COCO box (x, y, width, height); NaN where it is not four numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return [math.nan] * 4
    x, y, width, height = (json_number(value) for value in bbox)
    return [x, y, x + width, y + height]
