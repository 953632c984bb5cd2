"""PASCAL VOC data sets: one XML per image, lists of image names, in a folder or a tar.

Boxes of VOC count pixels from 1 and include the last one; ours begin at 0 and exclude it, so the near edges move by
one. `difficult` objects become crowd regions: neither hit nor miss, as in VOC's own evaluation.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from lowres.data.image_files import open_images
from lowres.data.sources import Category, SourceImage


class VocSource:
    """One split in VOC form; `prefix` is the folder inside `root` that holds Annotations, ImageSets and JPEGImages.

    Raises:
        ValueError: a missing or empty list, a name listed twice, a missing or malformed XML, an object of a class that
            is not in `classes`.
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
            root = self._annotation(name)
            file_name = f"{name}.jpg"
            objects = root.findall("object")
            crowd = [entry.findtext("difficult", "0").strip() == "1" for entry in objects]
            yield SourceImage(
                image_id=number,
                file_name=file_name,
                read=lambda file_name=file_name: self._files.read(f"{self._prefix}JPEGImages/{file_name}"),
                stated_wh_px=_stated_wh_px(root),
                boxes_xyxy_px=np.array([_box(entry) for entry in objects], np.float64).reshape(-1, 4),
                category_ids=np.array([self._category(entry, name) for entry in objects], np.int64),
                iscrowd=np.array(crowd, bool),
                area_px=np.full(len(objects), np.nan),
            )

    def _annotation(self, name: str) -> ET.Element:
        path = f"{self._prefix}Annotations/{name}.xml"
        try:
            return ET.fromstring(self._files.read(path))
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.name}: {path} cannot be read: {error}") from error
        except ET.ParseError as error:
            raise ValueError(f"{self.name}: {path} is no XML: {error}") from error

    def _category(self, entry: ET.Element, name: str) -> int:
        label = (entry.findtext("name") or "").strip()
        if label not in self._category_ids:
            known = ", ".join(self._category_ids)
            raise ValueError(
                f"{self.name}: {name}.xml has an object of class {label!r}; data.source.classes has {known}"
            )
        return self._category_ids[label]


def _stated_wh_px(root: ET.Element) -> tuple[int, int] | None:
    texts = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        return None
    width, height = (int(text) for text in texts)
    return (width, height) if width else None  # some tools write 0 for unknown


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
