"""Values in TT100K's JSON, as the source reads them and the doctor checks them."""

from typing import Any

from lowres.data.text_files import number_or_nan

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def box_xyxy(bbox: Any) -> list[float]:
    """Corners in pixels; what is no number is NaN, which packing counts and drops."""
    values = [bbox.get(key) if isinstance(bbox, dict) else None for key in CORNERS]
    return [number_or_nan(value) for value in values]


def is_image_id(key: str) -> bool:
    """Whether a key of `imgs` is a whole number as one writes it."""
    return key.isascii() and key.isdigit() and len(key) < 19 and str(int(key)) == key


def names_its_folder(path: Any) -> bool:
    """Whether an image's `path` is FOLDER/NAME, whose folder says the split."""
    return isinstance(path, str) and "/" in path.strip("/")
