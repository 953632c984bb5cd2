"""PASCAL VOC read with patience: lists of names, one XML per image; classes are what the XMLs name."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit
from lowres.data.text_files import xml_root
from lowres.data.tt100k_values import CORNERS
from lowres.data.voc import side_px


def voc_lists(files: Listing, prefix: str) -> dict[str, str]:
    """Lists of image names by split: those that are there, without trainval where train and val are."""
    folder = f"{prefix}ImageSets/Main/"
    # CLASS_train.txt lists say which images show the class.
    names = [name for name in files.sizes if name.startswith(folder) and name.endswith(".txt")]
    lists = {Path(name).stem: name for name in names if "_" not in Path(name).stem}
    if {"train", "val", "trainval"} <= set(lists):
        del lists["trainval"]
    return lists


def read_voc(files: Listing, *, prefix: str, lists: Mapping[str, str | None]) -> list[LooseSplit]:
    """A split for each list, of all images that have an XML where it is None; all share one list of classes."""
    classes: list[str] = []
    splits = [_split(files, prefix, name, file, classes) for name, file in lists.items()]
    for split in splits:
        split.categories = list(classes)
    return splits


def _split(files: Listing, prefix: str, name: str, file: str | None, classes: list[str]) -> LooseSplit:
    split = LooseSplit(name, file or f"{prefix}Annotations", [], [], files, [])
    annotations = f"{prefix}Annotations/"
    names = [Path(xml).stem for xml in files.sizes if xml.startswith(annotations) and xml.endswith(".xml")]
    if file is not None:
        try:
            lines = files.read(file).decode("utf-8", "replace").splitlines()
        except (ValueError, OSError) as error:
            split.found("unreadable_annotations", file, str(error))
            return split
        names = [line.split()[0] for line in lines if line.strip()]
    if not names:
        split.found("no_images_listed", split.origin, "an empty list")
    seen: set[str] = set()
    for stem in names:
        index = len(split.images)
        key = f"{prefix}JPEGImages/{stem}.jpg"
        image = LooseImage(key, key, None)
        split.images.append(image)
        if stem in seen or "/" in stem or ".." in stem:
            kind = "repeated_file_name" if stem in seen else "escaping_file_name"
            split.found(kind, f"{split.origin}: {stem}", "", index)
            image.usable, image.key = False, None
            continue
        seen.add(stem)
        place = f"{annotations}{stem}.xml"
        try:
            data = files.read(place)
        except (OSError, ValueError) as error:
            split.found("missing_xml", place, str(error), index)
            image.usable = False
            continue
        try:
            tree = xml_root(data, name=place)
        except ValueError as error:
            split.found("bad_xml", place, str(error).removeprefix(f"{place} is "), index)
            image.usable = False
            continue
        image.stated_wh_px = _stated(split, tree, place, index)
        _objects(split, image, tree, place, index, classes)
    return split


def _stated(split: LooseSplit, tree: ET.Element, place: str, index: int) -> tuple[int, int] | None:
    sides = [(tree.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not any(sides):
        split.found("no_stated_size", place, "", index)
        return None
    width, height = (side_px(side) for side in sides)
    if not width or not height:
        split.found("bad_stated_size", place, " x ".join(f"{side:.30}" for side in sides), index)
        return None
    return width, height


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
        texts = [entry.findtext(f"bndbox/{key}") for key in CORNERS]
        box = None
        try:
            left, top, right, bottom = (float(text or "") for text in texts)
            box = (left - 1, top - 1, right, bottom)  # VOC counts from 1 and includes the last pixel
        except ValueError:
            split.found("no_box", where, f"bndbox has {texts!r:.160}", index)
        crowd = (entry.findtext("difficult") or "0").strip() == "1"
        image.objects.append(LooseObject(where, classes.index(label) if label else None, box, crowd))
        if box is not None and (label, box) in seen:
            split.found("repeated_box", where, "", index)
        seen.add((label, box))
