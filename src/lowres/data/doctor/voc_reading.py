"""PASCAL VOC read with patience: lists of names, one XML per image; classes are what the XMLs name."""

from pathlib import Path
from xml.etree import ElementTree as ET

from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(root: Path, *, name: str, names: list[str], files: Listing, classes: list[str]) -> LooseSplit:
    """One split: the listed names; `classes` grows by what is met, so that all splits share one list."""
    split = LooseSplit(name, f"{root.name}/ImageSets/Main/{name}.txt", [], [], files, [])
    if not names:
        split.found("no_images_listed", split.origin, "an empty list")
    seen: set[str] = set()
    by_stem = {Path(file).stem: file for file in files.images() if file.startswith("JPEGImages/")}
    for stem in names:
        index = len(split.images)
        image = LooseImage(
            by_stem.get(stem, f"JPEGImages/{stem}.jpg"), by_stem.get(stem, f"JPEGImages/{stem}.jpg"), None
        )
        split.images.append(image)
        if stem in seen or "/" in stem or ".." in stem:
            kind = "repeated_file_name" if stem in seen else "escaping_file_name"
            split.found(kind, f"{split.origin}: {stem}", "", index)
            image.usable, image.key = False, None
            continue
        seen.add(stem)
        place = f"Annotations/{stem}.xml"
        try:
            tree = ET.fromstring(files.read(place))
        except (OSError, ValueError) as error:
            split.found("missing_xml", place, str(error), index)
            image.usable = False
            continue
        except ET.ParseError as error:
            split.found("bad_xml", place, str(error), index)
            image.usable = False
            continue
        image.stated_wh_px = _stated(split, tree, place, index)
        _objects(split, image, tree, place, index, classes)
    split.categories = list(classes)
    return split


def _stated(split: LooseSplit, tree: ET.Element, place: str, index: int) -> tuple[int, int] | None:
    sides = [(tree.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not any(sides):
        split.found("no_stated_size", place, "", index)
        return None
    if not all(side.isdecimal() and int(side) > 0 for side in sides):
        split.found("bad_stated_size", place, " x ".join(sides), index)
        return None
    return int(sides[0]), int(sides[1])


def _objects(
    split: LooseSplit, image: LooseImage, tree: ET.Element, place: str, index: int, classes: list[str]
) -> None:
    seen: set[tuple[object, ...]] = set()
    for number, entry in enumerate(tree.findall("object"), start=1):
        where = f"{place} object {number}"
        label = (entry.findtext("name") or "").strip()
        if not label:
            split.found("unknown_category", where, "no name", index)
        elif label not in classes:
            classes.append(label)
        texts = [entry.findtext(f"bndbox/{key}") for key in _CORNERS]
        box = None
        try:
            left, top, right, bottom = (float(text or "") for text in texts)
            box = (left - 1, top - 1, right, bottom)  # VOC counts from 1 and includes the last pixel
        except ValueError:
            split.found("no_box", where, f"bndbox has {texts}", index)
        crowd = (entry.findtext("difficult") or "0").strip() == "1"
        image.objects.append(LooseObject(where, classes.index(label) if label else None, box, crowd))
        if box is not None and (label, box) in seen:
            split.found("repeated_box", where, "", index)
        seen.add((label, box))
