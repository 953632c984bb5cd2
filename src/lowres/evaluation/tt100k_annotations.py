"""TT100K annotations as truth: `annotations.json` (2016) and `annotations_all.json` (2021).

Both are {"types": [class], "imgs": {id: {"path": "test/1.jpg", "objects": [{"category", "bbox"}]}}}; that of 2021
adds outlines to objects, which are not read. An image's split is the first folder of its path.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.evaluation.tt100k_json import as_boxes, box_of, category_of, objects_of, read_document
from lowres.evaluation.tt100k_records import SignTruth


@dataclass(frozen=True)
class Annotations:
    """The signs of one split, in the order of the file, and what else the file knows."""

    truth: list[SignTruth]
    other_image_ids: frozenset[str]  # images of the other splits
    types: frozenset[str]  # every class of the file


def read_annotations(path: Path, *, split: str = "test") -> Annotations:
    """The truth of a split.

    Only objects of that split are read. Raises `ValueError`, naming file, image and field, for what `tt100k_json`
    refuses, an image without a path, a path that occurs twice, a class that is missing from `types`, and a split
    without images.
    """
    document = read_document(path)
    types = document.get("types")
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        raise ValueError(f"{path}: has no list of class names 'types'; is it a file of results?")
    splits: dict[str, str] = {}
    seen: dict[str, str] = {}
    for image_id, entry in document["imgs"].items():
        place = f"{path}: imgs[{image_id!r}]"
        stated = _path_of(entry, place)
        if stated in seen:
            raise ValueError(f"{place}.path {stated!r} is also that of image {seen[stated]!r}; keep one of the two")
        seen[stated] = image_id
        splits[image_id] = stated.split("/")[0]
    if split not in splits.values():
        known = ", ".join(f"{name} ({count})" for name, count in sorted(Counter(splits.values()).items())) or "none"
        raise ValueError(f"{path}: no image's path begins with {split + '/'!r}; splits in the file: {known}")
    known_types = frozenset(types)
    return Annotations(
        truth=[
            _truth(image_id, document["imgs"][image_id], known_types, f"{path}: imgs[{image_id!r}]")
            for image_id, name in splits.items()
            if name == split
        ],
        other_image_ids=frozenset(image_id for image_id, name in splits.items() if name != split),
        types=known_types,
    )


def _path_of(entry: object, place: str) -> str:
    stated: Any = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(stated, str) or "/" not in stated:
        raise ValueError(f"{place}.path is {stated!r:.60}; it must be split and file, as 'test/10005.jpg'")
    return stated


def _truth(image_id: str, entry: object, types: frozenset[str], where: str) -> SignTruth:
    boxes: list[list[float]] = []
    categories: list[str] = []
    for item, place in objects_of(entry, where):
        category = category_of(item, place)
        if category not in types:
            raise ValueError(f"{place}.category {category!r} is not in 'types'; correct one of the two")
        categories.append(category)
        boxes.append(box_of(item, place))
    return SignTruth(image_id, as_boxes(boxes), tuple(categories))
