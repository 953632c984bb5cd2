"""YOLO data sets: a `data.yaml` with class names and splits, one text file of boxes beside each image.

A line of a label file is `class cx cy w h`, in shares of the image's sides. The label file of `.../images/a/1.jpg` is
`.../labels/a/1.txt` (the last folder `images` becomes `labels`), or lies beside the image where there is no such
folder. An empty or missing label file is an image without objects. A polygon (class and three or more points, as in
segmentation and oriented boxes) is turned into the box around it and counted; a line of keypoints (`kpt_shape` in
data.yaml) gives its box.
"""

import functools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lowres.data.image_files import ImageFiles, image_wh_px, open_images
from lowres.data.sources import Category, SourceImage
from lowres.data.text_files import lines_of, yaml_object
from lowres.data.yolo_yaml import SplitListing, class_names, split_keys

POLYGONS = "polygons turned into boxes"
NO_LABEL_FILE = "images without a label file"


class YoloSource:
    """One split; `root` is a folder, tar or zip, `file` the name of data.yaml in it, `split` one of its keys.

    Category ids are the class numbers, from 0; image ids count from 1 in the order of the names. Label files are read
    at once, image headers while iterating.

    Raises:
        ValueError: data.yaml is missing or malformed, the split is not in it or has no images, a label line cannot be
            read, no image has a label file, or most coordinates are in pixels.
    """

    def __init__(self, root: Path, *, file: str, split: str) -> None:
        self._files = open_images(root)
        yaml = f"{root}/{file}"
        document = read_data_yaml(self._files, file, yaml)
        self.name = f"{yaml}:{split}"
        self.categories = [Category(id=number, name=name) for number, name in enumerate(class_names(document, yaml))]
        present = self._files.names()
        self._wh_px = functools.cache(lambda name: image_wh_px(self._files, name))
        self._names = SplitListing(self._files, present, document, file=file, yaml=yaml).images(split)
        self._remarks: Counter[str] = Counter()
        self._labels = self._read_labels(set(present), keypoints="kpt_shape" in document)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images by name, which is their path below the root."""
        for number, (name, labels) in enumerate(zip(self._names, self._labels), start=1):
            size = self._wh_px(name)
            scale = np.array([math.nan] * 4 if size is None else [*size, *size])
            centre, half = labels[:, 1:3], labels[:, 3:5] / 2
            with np.errstate(invalid="ignore", over="ignore"):  # infinity less infinity
                boxes = np.concatenate([centre - half, centre + half], axis=1) * scale
            yield SourceImage(
                image_id=number,
                file_name=name,
                read=lambda name=name: self._files.read(name),
                stated_wh_px=size,
                boxes_xyxy_px=boxes,
                category_ids=labels[:, 0].astype(np.int64),
                iscrowd=np.zeros(len(labels), bool),
                area_px=np.full(len(labels), np.nan),
            )

    def remarks(self) -> dict[str, int]:
        """Polygons turned into boxes, and images without a label file."""
        return dict(self._remarks)

    def _read_labels(self, present: set[str], *, keypoints: bool) -> list[np.ndarray]:
        owners: dict[str, str] = {}
        labels = []
        for name in self._names:
            file = label_file(name)
            if file in owners:
                raise ValueError(f"{self.name}: {owners[file]} and {name} share the label file {file}; rename one")
            owners[file] = name
            if file not in present:
                self._remarks[NO_LABEL_FILE] += 1
                labels.append(np.empty((0, 5)))
                continue
            where = f"{self.name}: {file}"
            try:
                data = self._files.read(file)
            except (OSError, ValueError) as error:
                raise ValueError(f"{where}: cannot be read: {error}") from error
            rows = [
                self._line(text, f"{where}:{number}", keypoints=keypoints)
                for number, text in lines_of(data, name=where)
            ]
            labels.append(np.array(rows, np.float64).reshape(-1, 5))
        if self._remarks[NO_LABEL_FILE] == len(labels):
            raise ValueError(
                f"{self.name}: none of {len(labels)} images has a label file; for {self._names[0]} it would be "
                f"{label_file(self._names[0])}"
            )
        boxes = np.concatenate(labels)[:, 1:]
        in_pixels = int((np.abs(boxes) > 1.5).any(axis=1).sum())
        if 2 * in_pixels > len(boxes):
            raise ValueError(
                f"{self.name}: {in_pixels} of {len(boxes)} boxes have values over 1.5; YOLO's boxes are shares of the "
                "image's sides, these look like pixels: divide x and w by the width, y and h by the height"
            )
        return labels

    def _line(self, text: str, where: str, *, keypoints: bool) -> list[float]:
        words = text.split()
        try:
            values = [float(word) for word in words]
        except ValueError as error:
            raise ValueError(f"{where}: {text!r:.80} is not a row of numbers 'class cx cy w h'") from error
        if not (values[0] >= 0 and values[0].is_integer()):
            raise ValueError(f"{where}: class {words[0]!r:.20} is no whole number from 0")
        if values[0] >= len(self.categories):
            last = len(self.categories) - 1
            raise ValueError(f"{where}: class {words[0]} is not in data.yaml, whose classes are 0 to {last}")
        if len(values) == 5 or (keypoints and len(values) > 5):
            return values[:5]
        if len(values) >= 7 and len(values) % 2:
            self._remarks[POLYGONS] += 1
            points = np.array(values[1:]).reshape(-1, 2)
            low, high = points.min(axis=0), points.max(axis=0)
            with np.errstate(invalid="ignore", over="ignore"):
                return [values[0], *((low + high) / 2).tolist(), *(high - low).tolist()]
        hint = " (a confidence at its end? these look like results)" if len(values) == 6 else ""
        raise ValueError(
            f"{where}: has {len(values)} numbers{hint}; a box has 5 (class cx cy w h), a polygon 7, 9, 11 ..."
        )


def yolo_splits(root: Path, *, file: str) -> dict[str, "YoloSource"]:
    """The splits among train, val and test that data.yaml has."""
    keys = split_keys(read_data_yaml(open_images(root), file, f"{root}/{file}"))
    return {split: YoloSource(root, file=file, split=key) for split, key in keys.items()}


def read_data_yaml(files: ImageFiles, file: str, name: str) -> dict[Any, Any]:
    """The document; ValueError where it cannot be read."""
    try:
        data = files.read(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: cannot be read: {error}; it lists the classes and the splits") from error
    return yaml_object(data, name=name)


def label_file(image: str) -> str:
    """Name of the label file of an image."""
    path = PurePosixPath(image).with_suffix(".txt")
    folders = list(path.parts)
    if "images" in folders[:-1]:
        folders[len(folders) - 2 - folders[-2::-1].index("images")] = "labels"
    return "/".join(folders)
