"""A COCO file read with patience: every entry is taken as far as it goes, and what is wrong with it is named."""

import math
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from lowres.data.coco_values import is_id
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit
from lowres.data.text_files import number_or_nan

_Id = tuple[str, str | int | float]


def read_coco(document: dict[str, Any], *, name: str, origin: Path, files: Listing | None) -> LooseSplit:
    """The split in a COCO document."""
    split = LooseSplit(name, str(origin), [], [], files, [])
    sections = {key: _section(split, document, key) for key in ("images", "annotations", "categories")}
    categories = _categories(split, sections["categories"])
    by_id = _images(split, sections["images"])
    _objects(split, sections["annotations"], by_id, categories)
    return split


def _section(split: LooseSplit, document: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    entries = document.get(key)
    if not isinstance(entries, list):
        got = "missing" if key not in document else f"a {type(entries).__name__}"
        split.found("missing_section", f"'{key}'", got)
        return []
    if not entries and key != "annotations":
        split.found("no_images_listed" if key == "images" else "no_categories", f"'{key}'", "an empty list")
    sound = []
    for position, entry in enumerate(entries):
        if isinstance(entry, dict):
            sound.append((position, entry))
        else:
            split.found("odd_entry", f"{key}[{position}]", f"{entry!r:.60}")
    return sound


def _categories(split: LooseSplit, entries: list[tuple[int, dict[str, Any]]]) -> dict[int, int]:
    """Positions in `split.categories` by id."""
    by_id: dict[int, int] = {}
    names: dict[str, int] = {}
    for position, entry in entries:
        place, label, got = f"categories[{position}]", entry.get("name"), entry.get("id")
        if not isinstance(label, str) or not label.strip():
            split.found("bad_category_name", place, f"name is {label!r:.60}")
            label = None
        elif label in names:
            split.found("repeated_category_name", place, f"'{label}' again")
        else:
            names[label] = len(split.categories)
        if not is_id(got):
            split.found("bad_category_id", place, f"id is {got!r:.60}")
        elif got in by_id:
            split.found("repeated_category_id", place, f"id {got} again")
        else:
            by_id[got] = names.get(label, len(split.categories)) if label else len(split.categories)
        if label is None or names[label] == len(split.categories):
            split.categories.append(label)
            split.category_ids.append(got if is_id(got) else None)
    return by_id


def _images(split: LooseSplit, entries: list[tuple[int, dict[str, Any]]]) -> dict[_Id, int]:
    """Positions in `split.images` by id."""
    by_id: dict[_Id, int] = {}
    seen_names: set[str] = set()
    for position, entry in entries:
        index, got, name = len(split.images), entry.get("id"), entry.get("file_name")
        place = f"images[{position}] id {got!r:.30}"
        image = LooseImage(place, None, None)
        split.images.append(image)
        if not isinstance(name, str) or not name or "\0" in name:
            split.found("no_file_name", place, f"file_name is {name!r:.60}", index)
            image.usable = False
        else:
            image.place = f"{name} (id {got!r:.30})"
            parts = PurePosixPath(name.replace("\\", "/")).parts
            if name.startswith("/") or ".." in parts:
                split.found("escaping_file_name", image.place, "", index)
                image.usable = False
            elif str(PurePosixPath(name)) in seen_names:
                split.found("repeated_file_name", image.place, "", index)
                image.usable = False
            else:
                seen_names.add(str(PurePosixPath(name)))
                image.key = name
        _take_id(split, by_id, entry, place, index)
        image.stated_wh_px = _stated(split, image, entry, index)
    return by_id


def _take_id(split: LooseSplit, by_id: dict[_Id, int], entry: dict[str, Any], place: str, index: int) -> None:
    """The image's id into `by_id`. Of files that share one, nobody knows whose the boxes are: all are unusable."""
    image, got, name = split.images[index], entry.get("id"), entry.get("file_name")
    joined = _joined_by(got)
    if joined is None:
        split.found("no_image_id", place, f"id is {got!r:.60}", index)
        image.usable, image.why_unusable = False, "it has no id, so that its boxes are unknown"
        return
    if not is_id(got):
        split.found("bad_image_id", place, f"id is {got!r:.60}", index)
    first = split.images[by_id.setdefault(joined, index)]
    listed_again = first.key is not None and isinstance(name, str) and PurePosixPath(name) == PurePosixPath(first.key)
    if first is not image and not listed_again:
        split.found("repeated_image_id", image.place, f"first {first.place}", index)
        for sharer, other in ((first, image), (image, first)):
            sharer.usable = False
            sharer.why_unusable = f"its id is also that of {other.place}, and whose the boxes are is unknown"


def _joined_by(value: object) -> _Id | None:
    """What an id is joined by: its text, or its number (1.0 is 1 while floats are exact); None where there is no id."""
    if isinstance(value, str):
        return ("text", value) if value.strip() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) or abs(value) < 2**53:
        return "number", value
    return ("float", value) if math.isfinite(value) else None


def _stated(split: LooseSplit, image: LooseImage, entry: dict[str, Any], index: int) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if width is None or height is None:
        split.found("no_stated_size", image.place, "", index)
        return None
    if not is_id(width) or not is_id(height) or not width or not height:
        split.found("bad_stated_size", image.place, f"{width!r:.30} x {height!r:.30}", index)
        return None
    return width, height


def _objects(
    split: LooseSplit, entries: list[tuple[int, dict[str, Any]]], images: dict[_Id, int], categories: dict[int, int]
) -> None:
    seen: dict[int, int] = {}
    boxes: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    for position, entry in entries:
        got = entry.get("id")
        place = f"annotations[{position}] id {got!r:.30}"
        image_id, category_id = entry.get("image_id"), entry.get("category_id")
        joined = _joined_by(image_id)
        index = images.get(joined) if joined is not None else None
        if not is_id(got):
            split.found("bad_annotation_id", place, "", index)
        elif got in seen:
            split.found("repeated_annotation_id", place, f"first annotations[{seen[got]}]", index)
        else:
            seen[got] = position
            if got == 0:
                split.found("annotation_id_zero", place, "", index)
        if index is None:
            split.found("unknown_image", place, f"image_id is {image_id!r:.60}")
        elif not is_id(image_id):
            split.found("bad_image_id", place, f"image_id is {image_id!r:.60}", index)
        category = categories.get(category_id) if is_id(category_id) else None
        if category is None:
            split.found("unknown_category", place, f"category_id is {category_id!r:.60}", index)
        crowd = entry.get("iscrowd")
        if crowd not in (0, 1):
            split.found("bad_iscrowd", place, f"iscrowd is {crowd!r:.60}", index)
        box = _box(entry.get("bbox"))
        if box is None:
            split.found("no_box", place, f"bbox is {entry.get('bbox')!r:.60}", index)
        area = number_or_nan(entry.get("area"))
        sound_area = area > 0 and not (box is not None and area > 1.01 * _area(box) + 1)
        if not sound_area:
            split.found("bad_area", place, f"area is {entry.get('area')!r:.60}", index)
        if index is None:
            continue
        found = LooseObject(place, category, box, crowd == 1, area if sound_area else None)
        split.images[index].objects.append(found)
        key = (category, box)
        if box is not None and key in boxes[index]:
            split.found("repeated_box", place, split.images[index].place, index)
        boxes[index].add(key)


def _box(bbox: object) -> tuple[float, float, float, float] | None:
    """Corners; None where there are not four numbers. NaN and infinity are numbers of JSON as Python reads it."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in bbox):
        return None
    x, y, width, height = (number_or_nan(value) for value in bbox)
    return x, y, x + width, y + height


def _area(box_xyxy_px: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = box_xyxy_px
    return (right - left) * (bottom - top)
