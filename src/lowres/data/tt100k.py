"""Tsinghua-Tencent 100K (Zhu et al., CVPR 2016): traffic signs in street panoramas of 2048 x 2048 px.

One JSON holds `types` (names of the classes) and `imgs` (id -> path and objects): `annotations.json` in 2016,
`annotations_all.json` in 2021. The first folder of an image's path (train, test, other) says to which part it belongs.
Papers measure the 45 classes that have over 100 instances, and may train on all ("those labels not included in
evaluating 45 classes are also used in training", EFPN, arXiv:2003.07021, section IV-A3): a split for measuring then
keeps the list of all classes and drops the objects of the others, so that labels stay the same and classes without
truth are not averaged over.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.image_files import image_wh_px, open_images
from lowres.data.measured_classes import OTHER_CLASSES
from lowres.data.problems import Fault
from lowres.data.sources import Category, SourceImage, nearest
from lowres.data.text_files import lines_of, read_json_object
from lowres.data.tt100k_values import box_xyxy, is_image_id, names_its_folder


class Tt100kAnnotations:
    """The annotation file, read and checked once for all splits.

    Category ids are places in `types`, from 1, whichever classes a split uses; image ids are the data set's own.

    Objects of a class that is not in `types` are not among those of their image, but in `faults` under its id.

    Raises:
        ValueError: a missing file, malformed JSON, a missing or malformed key, an id that is no whole number or differs
            from its key, a path that two images have.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        document = read_json_object(path)
        self.categories = _categories(document.get("types"), self.name)
        self.category_ids = {category.name: category.id for category in self.categories}
        images = document.get("imgs")
        if not isinstance(images, dict) or not images:
            got = "missing" if "imgs" not in document else f"a {type(images).__name__} of no use"
            raise ValueError(f"{self.name}: 'imgs' is {got}; it must be an object with an entry per image id")
        self.images: dict[int, dict[str, Any]] = {}
        self.faults: dict[int, tuple[Fault, ...]] = {}
        owners: dict[str, str] = {}
        for key, image in images.items():
            self._check(key, image)
            other = owners.setdefault(image["path"], key)
            if other != key:
                raise ValueError(
                    f"{self.name}: imgs.{key}.path {image['path']!r:.60} is also that of {other}; merge them"
                )
            faults = [self._unknown(f"imgs.{key}.objects[{n}]", entry) for n, entry in enumerate(image["objects"])]
            self.faults[int(key)] = tuple(fault for fault in faults if fault is not None)
            known = [entry for entry, fault in zip(image["objects"], faults, strict=True) if fault is None]
            self.images[int(key)] = {**image, "objects": known}

    def _check(self, key: str, image: Any) -> None:
        where = f"{self.name}: imgs.{key:.40}"
        if not is_image_id(key):
            raise ValueError(f"{where}: the key is no id; ids are whole numbers")
        if not isinstance(image, dict):
            raise ValueError(f"{where} is a {type(image).__name__}; it must be an object with path, id and objects")
        if image.get("id", int(key)) != int(key):
            raise ValueError(f"{where}.id is {image['id']!r:.40}; it must be that of its key")
        path = image.get("path")
        if not names_its_folder(path):
            raise ValueError(f"{where}.path is {path!r:.60}; it must be FOLDER/NAME, its folder says the split")
        if not isinstance(image.get("objects"), list):
            raise ValueError(f"{where}.objects is {image.get('objects')!r:.40}; it must be a list, empty for no sign")
        for position, entry in enumerate(image["objects"]):
            if not isinstance(entry, dict):
                raise ValueError(f"{where}.objects[{position}] is {entry!r:.40}; it must be an object")

    def _unknown(self, place: str, entry: dict[str, Any]) -> Fault | None:
        category = entry.get("category")
        if isinstance(category, str) and category in self.category_ids:
            return None
        hint = nearest(str(category)[:40], self.category_ids)
        return Fault(place, "unknown category", f"category is {category!r:.40}, not in 'types'; {hint}")


class Tt100kSource:
    """One split: the images of some folders, or those of them that a list of ids names, in the order of ids.

    `root` (a folder, tar or zip) holds the images under the paths of the annotations. `classes` are the split's list
    of classes, None for all; `measured` those whose objects it keeps, None for all. Objects of classes that are not in
    `classes` are left out and counted.

    Raises:
        ValueError: no image in the folders, a class that the annotations lack, measured classes beyond `classes`, a
            list of ids that cannot be read or names an image twice or one that is not in the folders.
    """

    def __init__(
        self,
        root: Path,
        annotations: Tt100kAnnotations,
        *,
        folders: Sequence[str],
        ids: str | None = None,
        classes: Sequence[str] | None = None,
        measured: Sequence[str] | None = None,
    ) -> None:
        self.name = f"{annotations.name}:{'+'.join(folders)}"
        self._files = open_images(root)
        self._wh_px = functools.cache(lambda path: image_wh_px(self._files, path))
        listed = list(annotations.category_ids) if classes is None else classes
        kept = listed if measured is None else measured
        for name in [*listed, *kept]:
            if name not in annotations.category_ids:
                raise ValueError(
                    f"{self.name}: class '{name}' is not in 'types'; {nearest(name, annotations.category_ids)}"
                )
        beyond = sorted(set(kept) - set(listed))
        if beyond:
            raise ValueError(f"{self.name}: class '{beyond[0]}' is to be measured but not trained; train all classes")
        wanted = set(listed)
        self.categories = [category for category in annotations.categories if category.name in wanted]
        self._category_ids = {name: annotations.category_ids[name] for name in kept}
        self._faults = annotations.faults
        everywhere = annotations.images
        inside = {number for number, image in everywhere.items() if image["path"].split("/")[0] in folders}
        if not inside:
            present = sorted({image["path"].split("/")[0] for image in everywhere.values()})
            raise ValueError(
                f"{self.name}: no image lies in {', '.join(folders)}; paths begin with {', '.join(present)[:200]}"
            )
        chosen = sorted(inside) if ids is None else self._listed(ids, inside)
        self._images = [(number, everywhere[number]) for number in chosen]

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images by id."""
        for number, image in self._images:
            path = image["path"]
            objects = [entry for entry in image["objects"] if entry["category"] in self._category_ids]
            yield SourceImage(
                image_id=number,
                file_name=path,
                read=lambda path=path: self._files.read(path),
                stated_wh_px=self._wh_px(path),
                boxes_xyxy_px=np.array([box_xyxy(entry.get("bbox")) for entry in objects], np.float64).reshape(-1, 4),
                category_ids=np.array([self._category_ids[entry["category"]] for entry in objects], np.int64),
                iscrowd=np.zeros(len(objects), bool),
                area_px=np.full(len(objects), np.nan),
                faults=self._faults[number],
            )

    def remarks(self) -> dict[str, int]:
        """Objects of other classes."""
        objects = (entry for _, image in self._images for entry in image["objects"])
        count = sum(entry["category"] not in self._category_ids for entry in objects)
        return {OTHER_CLASSES: count} if count else {}

    def _listed(self, ids: str, inside: set[int]) -> list[int]:
        where = f"{self.name}: {ids}"
        try:
            data = self._files.read(ids)
        except (OSError, ValueError) as error:
            raise ValueError(f"{where}: the list of ids cannot be read: {error}") from error
        chosen: set[int] = set()
        for line, text in lines_of(data, name=where):
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
            if number not in inside:
                raise ValueError(
                    f"{where}:{line}: {text!r:.40} is no id of an image in these folders; correct the list"
                )
            if number in chosen:
                raise ValueError(f"{where}:{line}: id {number} is listed twice; list it once")
            chosen.add(number)
        if not chosen:
            raise ValueError(f"{where}: the list is empty; a split needs at least one image")
        return sorted(chosen)


def _categories(types: Any, name: str) -> list[Category]:
    if not isinstance(types, list) or not types:
        raise ValueError(
            f"{name}: 'types' is {'missing or empty' if not types else type(types).__name__}; it lists the classes"
        )
    for position, entry in enumerate(types):
        if not isinstance(entry, str) or not entry:
            raise ValueError(f"{name}: types[{position}] is {entry!r:.40}; it must be the class's name")
    if len(set(types)) != len(types):
        twice = next(entry for entry in types if types.count(entry) > 1)
        raise ValueError(f"{name}: 'types' has '{twice}' twice; each class has one place")
    return [Category(id=number, name=entry) for number, entry in enumerate(types, start=1)]
