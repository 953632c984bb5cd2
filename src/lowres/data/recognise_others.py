"""Finds VOC, YOLO, TT100K and folders of classes, and gives hints on what is known but not found by itself."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from lowres.data.image_files import is_image_name
from lowres.data.recognised import Found, Place, split_in_name
from lowres.data.text_files import xml_root, yaml_object
from lowres.data.yolo_yaml import split_keys

VOC_ANNOTATION = re.compile(r"(?P<prefix>(?:.*/)?)Annotations/[^/]+\.xml")
_LISTS = {"train": ("train", "trainval"), "val": ("val",), "test": ("test",)}
_NO_CLASSES = frozenset(("annotations", "images", "labels", "masks"))


def find_voc(place: Place) -> list[Found]:
    """One find for each folder that has Annotations and ImageSets/Main; its classes are those that occur in XML.

    Raises:
        ValueError: lists trainval and val that share images, and none of train.
    """
    prefixes: dict[str, list[str]] = {}
    for name in place.names:
        match = VOC_ANNOTATION.fullmatch(name)
        if match:
            prefixes.setdefault(match["prefix"], []).append(name)
    found = []
    for prefix, files in prefixes.items():
        lists = {split: _present(place, prefix, names) for split, names in _LISTS.items()}
        if lists["train"] is None:
            place.notes.append(f"{prefix}Annotations has XML, but there is no {prefix}ImageSets/Main/train.txt")
            continue
        _check_disjoint(place, prefix, lists["train"], lists["val"])
        settings: dict[str, Any] = {"kind": "voc", "root": str(place.root), "prefix": prefix}
        settings["classes"] = sorted({label for file in files for label in _labels(place, file)})
        settings |= {split: None if ids is None else {"ids": ids} for split, ids in lists.items()}
        present = ", ".join(ids for ids in lists.values() if ids)
        why = f"{len(files)} XML in {prefix}Annotations, lists {present}; {len(settings['classes'])} classes occur"
        found.append(Found(settings, why))
    return found


def _present(place: Place, prefix: str, names: tuple[str, ...]) -> str | None:
    files = [f"ImageSets/Main/{name}.txt" for name in names]
    return next((file for file in files if prefix + file in place.name_set), None)


def _check_disjoint(place: Place, prefix: str, train: str, val: str | None) -> None:
    if val is None or not train.endswith("trainval.txt"):
        return
    lists = [place.files.read(prefix + ids).splitlines() for ids in (train, val)]
    trained, validated = ({line.split()[0] for line in lines if line.strip()} for lines in lists)
    both = len(trained & validated)
    if both:
        raise ValueError(
            f"{place.root}: {prefix}{train} and {val} have {both} images in common, and there is no train.txt: training"
            " would see what validates it; list the others in ImageSets/Main/train.txt, or in a file that "
            "data.source.train.ids of kind: voc names"
        )


def _labels(place: Place, file: str) -> list[str]:
    try:
        root = xml_root(place.files.read(file), name=file)
    except (OSError, ValueError):
        return []  # packing refuses its image
    return [label for entry in root.findall("object") if (label := (entry.findtext("name") or "").strip())]


def find_yolo(place: Place) -> list[Found]:
    """One find for each YAML with names and a train split."""
    found = []
    for name in place.top_names(".yaml", ".yml"):
        try:
            document = yaml_object(place.files.read(name), name=f"{place.root}/{name}")
        except (OSError, ValueError) as error:
            place.notes.append(str(error))
            continue
        keys = split_keys(document)
        if "names" not in document or "train" not in keys:
            if "names" in document:
                place.notes.append(f"{name} has names, but no train")
            continue
        settings = {"kind": "yolo", "root": str(place.root), "file": name}
        found.append(Found(settings, f"{name} has names, {', '.join(keys.values())}"))
    return found


def find_tt100k(place: Place) -> list[Found]:
    """One find for each JSON with types and imgs; all classes are trained and measured unless one says otherwise."""
    found = []
    for name in [name for name in place.top_names(".json") if PurePosixPath(name).name.startswith("annotations")]:
        try:
            document = place.json(name)
        except ValueError:
            continue  # noted by the finder of COCO
        images = document.get("imgs")
        if not isinstance(images, dict) or "types" not in document:
            continue
        entries = [image for image in images.values() if isinstance(image, dict)]
        folders = Counter(str(image.get("path", "")).split("/")[0] for image in entries)
        root, file = place.root, name
        if root.is_dir():  # members of an archive answer without the folder that stands before them all
            root, file = root / PurePosixPath(name).parent, PurePosixPath(name).name
        settings: dict[str, Any] = {"kind": "tt100k", "root": str(root), "annotations": file}
        settings |= {"train_classes": "all", "measured_classes": "all"}
        settings |= {s: {"folders": [s], "ids": None} if folders[s] else None for s in ("train", "val", "test")}
        counts = ", ".join(f"{count} in {folder[:40]}" for folder, count in folders.most_common(4))
        found.append(Found(settings, f"{name} has types and imgs: {counts}"))
    return found


def find_class_folders(place: Place) -> list[Found]:
    """Images in train/CLASS and val/CLASS and nothing else there; or in train/CLASS or CLASS, and nothing else at all.

    Without val less speaks for it: what lies beside may be the annotations of something else.
    """
    if not place.root.is_dir():
        return []
    inside = {
        split: [name.removeprefix(f"{split}/") for name in place.names if name.startswith(f"{split}/")]
        for split in _LISTS
    }
    why = _classes_in_splits(place, inside) if inside["train"] else _classes_alone(place)
    return [] if why is None else [Found({"kind": "class_folders", "root": str(place.root)}, why)]


def _classes_in_splits(place: Place, inside: dict[str, list[str]]) -> str | None:
    classes = _class_names(inside["train"])
    if len(classes) < 2 or _NO_CLASSES.intersection(classes):
        return None
    told = f"only images in {len(classes)} folders of train ({', '.join(classes[:4])} ...)"
    if inside["val"]:
        measured = _class_names(inside["val"])
        return f"{told} and {len(measured)} of val" if measured else None
    beside = [name for name in place.names if name.split("/")[0] not in inside]
    if beside:
        place.notes.append(
            f"train has a folder per class, but {beside[0][:80]} lies beside; if it does not matter, set "
            "data.source.kind: class_folders"
        )
        return None
    return f"{told}, no val"


def _classes_alone(place: Place) -> str | None:
    classes = _class_names(place.names)
    if len(classes) < 2 or _paired_with_png(place.names):
        return None
    unlikely = next((name for name in classes if name.lower() in _NO_CLASSES or split_in_name(name)), None)
    if unlikely is not None:
        place.notes.append(
            f"only images in {len(classes)} folders, but {unlikely[:80]} is hardly a class; if it is, set "
            "data.source.kind: class_folders"
        )
        return None
    return f"only images in {len(classes)} folders ({', '.join(classes[:4])} ...), no splits"


def _class_names(names: list[str]) -> list[str]:
    """The folders where every file is an image that lies directly in one; else none."""
    paths = [PurePosixPath(name) for name in names]
    if not all(len(path.parts) == 2 and is_image_name(path.name) for path in paths):
        return []
    return sorted({path.parts[0] for path in paths})


def _paired_with_png(names: Iterable[str]) -> bool:
    """Whether most JPEGs have a PNG of the same name."""
    stems = [{PurePosixPath(n).stem for n in names if n.lower().endswith(suffix)} for suffix in (".jpg", ".png")]
    return 2 * len(stems[0] & stems[1]) > len(stems[0])


def labelled_kinds(names: Iterable[str]) -> list[tuple[str, str]]:
    """Files that stand for a data set of labelled images which has to be named, each with its `kind`."""
    leaves = {PurePosixPath(name).name for name in names}
    known = (("data_batch_1.bin", "cifar10"), ("train_32x32.mat", "svhn"), ("train_00.webp", "mosaics"))
    return [(file, kind) for file, kind in known if file in leaves]


def hints(place: Place) -> list[str]:
    """What is known, but needs more than its files to be used."""
    said = [
        f"{file} is of kind {kind}: set data.source.kind: {kind} with num_val and seed"
        for file, kind in labelled_kinds(place.names)
    ]
    said += place.compressed_tars()
    if _paired_with_png(place.names):
        said.append("most JPEGs have a PNG of the same name: masks for segmentation, not boxes")
    return said
