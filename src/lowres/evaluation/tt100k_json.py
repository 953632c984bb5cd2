"""What the two JSON files of TT100K share: `imgs`, an object per image, each with a list of `objects` with boxes.

Everything that is wrong is a `ValueError` that names file, image and field: a number made from what is left would look
like a result.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from lowres.evaluation.json_files import read_json
from lowres.evaluation.tt100k_records import LARGEST_COORDINATE_PX

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file, with its `imgs` checked to be an object.

    Raises `ValueError` for a missing file, malformed JSON, a key that occurs twice in one object (an image, for
    example), and another layout.
    """
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) != len(pairs):
            keys = [key for key, _ in pairs]
            repeated.append(next(key for key in keys if keys.count(key) > 1))
        return entry

    document = read_json(path, object_of_pairs=unique)
    if repeated:
        raise ValueError(f"{path}: the key {repeated[0]!r} occurs twice in one object; keep one of the two")
    if not isinstance(document, dict) or not isinstance(document.get("imgs"), dict):
        raise ValueError(f"{path}: has no object 'imgs'; TT100K files hold {{'imgs': {{id: {{'objects': [...]}}}}}}")
    return document


def objects_of(entry: object, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of one image, each with its place in the file."""
    if not isinstance(entry, dict) or not isinstance(entry.get("objects"), list):
        raise ValueError(f"{where}: has no list 'objects'; an image without any has an empty list")
    for position, item in enumerate(entry["objects"]):
        place = f"{where}.objects[{position}]"
        if not isinstance(item, dict):
            raise ValueError(f"{place} is {item!r:.60}; it must be an object with 'category' and 'bbox'")
        yield item, place


def category_of(item: dict[str, Any], place: str) -> str:
    """The name of the class."""
    category = item.get("category")
    if not isinstance(category, str) or not category:
        raise ValueError(f"{place}.category is {category!r:.60}; it must be the class's name, as 'pl40'")
    return category


def box_of(item: dict[str, Any], place: str) -> list[float]:
    """The box as xyxy in pixels; sides of length 0 are allowed."""
    bbox = item.get("bbox")
    if not isinstance(bbox, dict):
        raise ValueError(f"{place}.bbox is {bbox!r:.60}; it must be an object with {', '.join(SIDES)}")
    box: list[Any] = [bbox.get(side) for side in SIDES]
    for side, value in zip(SIDES, box, strict=True):
        if not is_number(value):
            raise ValueError(f"{place}.bbox.{side} is {value!r:.60}; it must be a number of pixels")
    for low, high in ((0, 2), (1, 3)):
        if box[high] < box[low]:
            raise ValueError(
                f"{place}.bbox: {SIDES[high]} {box[high]:g} is less than {SIDES[low]} {box[low]:g}; swap the two"
            )
    return box


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a JSON number within the limit for coordinates: no NaN, no infinity, no true or false."""
    return (type(value) is float or type(value) is int) and abs(value) <= LARGEST_COORDINATE_PX  # pyright: ignore[reportArgumentType]


def as_boxes(boxes: list[list[float]]) -> np.ndarray:
    """Float64 [n, 4], also for none."""
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
