"""TT100K's one JSON for all splits, read with patience; splits are the folders in front of the paths."""

import math
from pathlib import Path
from typing import Any

from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit
from lowres.data.tt100k_values import CORNERS, box_xyxy, is_image_id, names_its_folder


def read_tt100k(document: dict[str, Any], *, origin: Path, files: Listing | None) -> list[LooseSplit]:
    """The splits of a document with `types` and `imgs`."""
    types, entries = document.get("types"), document.get("imgs")
    labels: list[str | None] = []
    faults: list[tuple[str, str, str]] = []
    for number, label in enumerate(types if isinstance(types, list) else ()):
        sound = isinstance(label, str) and bool(label)
        if not sound:
            faults.append(("bad_category_name", f"types[{number}]", f"{label!r:.60}"))
        elif label in labels:
            faults.append(("repeated_category_name", f"types[{number}]", f"'{label}' again"))
        labels.append(label if sound and label not in labels else None)
    places = {label: position for position, label in enumerate(labels) if label is not None}
    splits: dict[str, LooseSplit] = {}
    paths: dict[str, str] = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        path = entry.get("path") if isinstance(entry, dict) else None
        name = path.split("/")[0] if isinstance(path, str) and names_its_folder(path) else "all"
        split = splits.setdefault(name or "all", LooseSplit(name or "all", str(origin), [], list(labels), files, []))
        if isinstance(entry, dict):
            _image(split, key, entry, places, paths)
        else:
            split.found("odd_entry", f"imgs[{key!r:.30}]", f"{entry!r:.60}")
    faults += [
        ("missing_section", f"'{name}'", "missing or empty") for name in ("types", "imgs") if not document.get(name)
    ]
    if faults:
        first = next(iter(splits.values()), None) or LooseSplit("all", str(origin), [], [], files, [])
        splits.setdefault(first.name, first)
        for fault in faults:
            first.found(*fault)
    return list(splits.values())


def _image(
    split: LooseSplit, key: str, entry: dict[str, Any], categories: dict[str, int], paths: dict[str, str]
) -> None:
    path, index = entry.get("path"), len(split.images)
    image = LooseImage(f"{path!s:.100} (id {key:.30})", path if isinstance(path, str) else None, None)
    split.images.append(image)
    if not is_image_id(key) or entry.get("id", int(key)) != int(key):
        split.found("bad_image_id", image.place, f"id is {entry.get('id')!r:.40}", index)
    if image.key is None or not names_its_folder(image.key):
        split.found("no_file_name", f"imgs[{key!r:.30}]", f"path is {path!r:.60}; it must be FOLDER/NAME", index)
        image.usable = False
    elif image.key.startswith("/") or ".." in image.key.split("/") or "\0" in image.key:
        split.found("escaping_file_name", image.place, "", index)
        image.usable, image.key = False, None
    elif paths.setdefault(image.key, key) != key:
        split.found("repeated_file_name", image.place, f"also that of id {paths[image.key]}", index)
        image.usable = False
    objects = entry.get("objects")
    if not isinstance(objects, list):
        split.found("odd_entry", image.place, f"objects is {objects!r:.60}", index)
    for number, item in enumerate(objects if isinstance(objects, list) else ()):
        _object(split, image, item, f"objects[{number}]", index, categories)


def _object(
    split: LooseSplit, image: LooseImage, item: object, where: str, index: int, categories: dict[str, int]
) -> None:
    place = f"{image.place} {where}"
    if not isinstance(item, dict):
        split.found("odd_entry", place, f"{item!r:.60}", index)
        return
    label, bbox = item.get("category"), item.get("bbox")
    category = categories.get(label) if isinstance(label, str) else None
    if category is None:
        split.found("unknown_category", place, f"category is {label!r:.60}", index)
    left, top, right, bottom = box_xyxy(bbox)
    box = (left, top, right, bottom)
    # NaN is a number of JSON as Python reads it: the checks of boxes name that.
    if not isinstance(bbox, dict) or any(
        math.isnan(corner) and not isinstance(bbox.get(side), int | float)
        for side, corner in zip(CORNERS, box, strict=True)
    ):
        split.found("no_box", place, f"bbox is {bbox!r:.60}", index)
        box = None
    if box and any(other.box_xyxy_px == box and other.category == category for other in image.objects):
        split.found("repeated_box", place, "", index)
    image.objects.append(LooseObject(where, category, box))
