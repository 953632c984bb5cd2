"""PASCAL VOC data sets: one XML per image, lists of image names, in a folder or a tar.

Boxes of VOC count pixels from 1 and include the last one; ours begin at 0 and exclude it, so the near edges move by
one. `difficult` objects become crowd regions: neither hit nor miss, as in VOC's own evaluation.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from lowres.data.image_files import open_images
from lowres.data.problems import Fault
from lowres.data.sources import Category, SourceImage, unreadable
from lowres.data.text_files import xml_root


class VocSource:
    """One split in VOC form; `prefix` is the folder inside `root` that holds Annotations, ImageSets and JPEGImages.

    An image whose XML is missing or malformed, and an object of a class that is not in `classes`, are left to packing.

    Raises:
        ValueError: a missing or empty list, a name listed twice.
    """

    def __init__(self, root: Path, *, prefix: str, ids: str, classes: Sequence[str]) -> None:
        self.name = f"{root}:{prefix}{ids}"
        self.categories = [Category(id=number, name=name) for number, name in enumerate(classes, start=1)]
        self._category_ids = {category.name: category.id for category in self.categories}
        self._files = open_images(root)
        self._prefix = prefix
        try:
            listed = self._files.read(prefix + ids).decode("utf-8")
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.name}: the list of images cannot be read: {error}") from error
        # A list of one class has a second column that says whether the image shows it; here every image counts.
        self._names = [line.split()[0] for line in listed.splitlines() if line.strip()]
        if not self._names:
            raise ValueError(f"{self.name}: the list is empty; a split needs at least one image")
        if len(set(self._names)) != len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise ValueError(f"{self.name}: lists {twice!r:.80} twice; list it once")

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the list; ids count from 1."""
        for number, name in enumerate(self._names, start=1):
            file_name = f"{name}.jpg"
            read = functools.partial(self._files.read, f"{self._prefix}JPEGImages/{file_name}")
            try:
                root = self._annotation(name)
            except ValueError as error:
                root, read = ET.Element("annotation"), unreadable("annotation cannot be read", str(error))
            every = [(place, entry, _label(entry)) for place, entry in enumerate(root.findall("object"), start=1)]
            objects = [(entry, label) for _, entry, label in every if label in self._category_ids]
            crowd = [entry.findtext("difficult", "0").strip() == "1" for entry, _ in objects]
            yield SourceImage(
                image_id=number,
                file_name=file_name,
                read=read,
                stated_wh_px=_stated_wh_px(root),
                boxes_xyxy_px=np.array([_box(entry) for entry, _ in objects], np.float64).reshape(-1, 4),
                category_ids=np.array([self._category_ids[label] for _, label in objects], np.int64),
                iscrowd=np.array(crowd, bool),
                area_px=np.full(len(objects), np.nan),
                faults=tuple(
                    self._unknown(f"{name}.xml object {place}", label)
                    for place, _, label in every
                    if label not in self._category_ids
                ),
            )

    def _annotation(self, name: str) -> ET.Element:
        path = f"{self._prefix}Annotations/{name}.xml"
        try:
            data = self._files.read(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        return xml_root(data, name=path)

    def _unknown(self, place: str, label: str) -> Fault:
        known = ", ".join(self._category_ids)
        return Fault(place, "unknown category", f"class {label!r:.60} is not in data.source.classes, which has {known}")


def side_px(text: str) -> int | None:
    """A width or height as a whole number of up to 9 digits; None for all else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _label(entry: ET.Element) -> str:
    return (entry.findtext("name") or "").strip()


def _stated_wh_px(root: ET.Element) -> tuple[int, int] | None:
    width, height = (side_px((root.findtext(f"size/{side}") or "").strip()) for side in ("width", "height"))
    if not width or height is None:  # some tools write 0 for unknown
        return None
    return width, height


def _box(entry: ET.Element) -> list[float]:
    # What is no number becomes NaN, which packing counts and drops.
    corners = []
    for key in ("xmin", "ymin", "xmax", "ymax"):
        text = entry.findtext(f"bndbox/{key}") or "nan"
        try:
            corners.append(float(text))
        except ValueError:
            corners.append(float("nan"))
    return [corners[0] - 1, corners[1] - 1, corners[2], corners[3]]
