"""TT100K's one JSON for all splits, read with patience; splits are the folders in front of the paths."""

from pathlib import Path
from typing import Any

from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit
from lowres.data.text_files import number_or_nan

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_tt100k(document: dict[str, Any], *, origin: Path, files: Listing | None) -> list[LooseSplit]:
    """The splits of a document with `types` and `imgs`."""
    types, entries = document.get("types"), document.get("imgs")
    labels = [str(label) for label in types] if isinstance(types, list) else []
    places = {label: position for position, label in enumerate(labels)}
    splits: dict[str, LooseSplit] = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        path = entry.get("path") if isinstance(entry, dict) else None
        name = path.split("/")[0] if isinstance(path, str) and "/" in path else "all"
        split = splits.setdefault(name, LooseSplit(name, str(origin), [], list(labels), files, []))
        if not isinstance(entry, dict):
            split.found("odd_entry", f"imgs[{key!r:.30}]", f"{entry!r:.60}")
            continue
        index = len(split.images)
        image = LooseImage(f"{path} (id {key})", path if isinstance(path, str) else None, None)
        split.images.append(image)
        if image.key is None:
            split.found("no_file_name", f"imgs[{key!r:.30}]", f"path is {path!r:.60}", index)
            image.usable = False
        elif image.key.startswith("/") or ".." in image.key.split("/"):
            split.found("escaping_file_name", image.place, "", index)
            image.usable, image.key = False, None
        objects = entry.get("objects")
        for number, item in enumerate(objects if isinstance(objects, list) else ()):
            _object(split, image, item, f"{image.place} objects[{number}]", index, places)
    for name in ("types", "imgs"):
        if not document.get(name):
            found = next(iter(splits.values()), None) or LooseSplit("all", str(origin), [], [], files, [])
            splits.setdefault(found.name, found).found("missing_section", f"'{name}'", "missing or empty")
    return list(splits.values())


def _object(
    split: LooseSplit, image: LooseImage, item: object, place: str, index: int, categories: dict[str, int]
) -> None:
    if not isinstance(item, dict):
        split.found("odd_entry", place, f"{item!r:.60}", index)
        return
    label, bbox = item.get("category"), item.get("bbox")
    if not isinstance(label, str) or label not in categories:
        split.found("unknown_category", place, f"category is {label!r:.60}", index)
    box = None
    if isinstance(bbox, dict) and all(
        isinstance(bbox.get(key), int | float) for key in ("xmin", "ymin", "xmax", "ymax")
    ):
        left, top, right, bottom = (number_or_nan(bbox[key]) for key in ("xmin", "ymin", "xmax", "ymax"))
        box = (left, top, right, bottom)
    else:
        split.found("no_box", place, f"bbox is {bbox!r:.60}", index)
    category = categories.get(label) if isinstance(label, str) else None
    if box and any(other.box_xyxy_px == box and other.category == category for other in image.objects):
        split.found("repeated_box", place, "", index)
    image.objects.append(LooseObject(place.removeprefix(f"{image.place} "), category, box))
