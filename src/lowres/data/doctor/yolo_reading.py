"""A YOLO data set read with patience, by the code of `lowres.data.yolo_yaml` and `yolo_labels`, which goes on here."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import LooseImage, LooseObject, LooseSplit
from lowres.data.image_files import image_wh_px
from lowres.data.text_files import lines_of
from lowres.data.yolo_labels import boxes_xyxy_px, check_shares, label_file, read_label
from lowres.data.yolo_yaml import SplitListing, class_names, split_keys

_ROUNDING = 1e-3
_CLASS, _BOX = 0, slice(1, 5)


def read_yolo(document: dict[Any, Any], *, file: str, files: Listing) -> list[LooseSplit]:
    """The splits of a data.yaml, which is called `file` among the files."""
    keys = split_keys(document)
    names: list[str | None] = []
    splits = []
    for split, key in keys.items():
        loose = LooseSplit(split, f"{file}: {key}", [], [], files, [])
        if not splits:  # the list of classes is one for all
            names = class_names(document, file, problem=_noting(loose, file))
        loose.categories = [name if name not in names[:number] else None for number, name in enumerate(names)]
        splits.append(loose)
        _read_split(loose, document, key, file, files)
    _labels_without_image(splits, files)
    return splits


def _noting(split: LooseSplit, place: str, index: int | None = None) -> Callable[[str, str], None]:
    return lambda kind, message: split.found(kind, place, message.removeprefix(f"{place}: "), index)


def _read_split(split: LooseSplit, document: dict[Any, Any], key: str, file: str, files: Listing) -> None:
    present = files.files.names()
    listing = SplitListing(files.files, present, document, file=file, yaml=file, problem=_noting(split, file))
    known, owners = set(present), dict[str, str]()
    rows: list[np.ndarray] = []
    for name in listing.images(key):
        index = len(split.images)
        image = LooseImage(name, name, None)
        split.images.append(image)
        labels = label_file(name)
        if owners.setdefault(labels, name) != name:
            split.found("shared_label_file", name, f"{labels} is also that of {owners[labels]}", index)
            image.usable = False
        elif labels in known:
            rows.append(_labels(split, image, labels, index, files, keypoints="kpt_shape" in document))
        else:
            split.found("missing_labels", name, f"it would be {labels}", index)
    if split.images and not rows:
        first = split.images[0].place
        split.found("no_label_files", file, f"none of {len(split.images)}; for {first} it would be {label_file(first)}")
    boxes = np.concatenate([np.empty((0, 4)), *rows])
    if len(boxes):
        check_shares(boxes, split.origin, problem=_noting(split, split.origin))


def _labels(
    split: LooseSplit, image: LooseImage, file: str, index: int, files: Listing, *, keypoints: bool
) -> np.ndarray:
    """Take the objects down; returns their boxes as shares."""
    try:
        lines = lines_of(files.read(file), name=file)
    except (ValueError, OSError) as error:
        split.found("unreadable_annotations", file, str(error), index)
        return np.empty((0, 4))
    read: list[tuple[int, list[float]]] = []
    for number, text in lines:
        place = f"{file}:{number}"
        count = len(split.categories)
        row = read_label(text, place, num_classes=count, keypoints=keypoints, problem=_noting(split, place, index))
        if row is not None:
            read.append((number, row[0]))
    labels = np.array([row for _, row in read], np.float64).reshape(-1, 5)
    wh_px = image_wh_px(files.files, image.place) if len(read) else None
    seen: set[tuple[float, ...]] = set()
    for (number, row), box in zip(read, boxes_xyxy_px(labels, wh_px).tolist(), strict=True):
        place = f"{file}:{number}"
        category = None if math.isnan(row[_CLASS]) else int(row[_CLASS])
        left, top, right, bottom = box
        # Without the image's size there is no box in pixels; the image is named for that.
        image.objects.append(LooseObject(place, category, (left, top, right, bottom) if wh_px else None))
        odd = [f"{value:g}" for value in row[_BOX] if value < -_ROUNDING or value > 1 + _ROUNDING]
        if odd:
            split.found("value_outside", place, ", ".join(odd), index)
        if tuple(row) in seen:
            split.found("repeated_box", place, "", index)
        seen.add(tuple(row))
    return labels[:, _BOX]


def _labels_without_image(splits: list[LooseSplit], files: Listing) -> None:
    """Name label files that no image of any split has, in the folders where others have theirs."""
    owned = {label_file(image.place) for split in splits for image in split.images}
    for split in splits:
        folders = {label_file(image.place).rpartition("/")[0] for image in split.images}
        for file in files.sizes:
            folder, _, leaf = file.rpartition("/")
            if leaf.endswith(".txt") and folder in folders and file not in owned and _has_boxes(files, file):
                split.found("missing_image", file, "labels without an image")
                owned.add(file)


def _has_boxes(files: Listing, file: str) -> bool:
    """Whether the first line looks like a box: lists of images and notes lie in such folders, too."""
    try:
        words = next(iter(lines_of(files.files.head(file, 400), name=file)), (0, ""))[1].split()
        return len(words) >= 5 and all(math.isfinite(float(word)) for word in words)
    except (ValueError, OSError):
        return False
