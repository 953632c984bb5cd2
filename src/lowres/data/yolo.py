"""YOLO data sets: a `data.yaml` with class names and splits, one text file of boxes beside each image.

A line of a label file is `class cx cy w h`, in shares of the image's sides. The label file of `.../images/a/1.jpg` is
`.../labels/a/1.txt` (the last folder `images` becomes `labels`), or lies beside the image where there is no such
folder. An empty or missing label file is an image without objects. A polygon (class and three or more points, as in
segmentation and oriented boxes) is turned into the box around it and counted; a line of keypoints (`kpt_shape` in
data.yaml) gives its box.
"""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.image_files import ImageFiles, image_wh_px, open_images
from lowres.data.problems import Fault
from lowres.data.sources import Category, SourceImage, unreadable
from lowres.data.text_files import lines_of, yaml_object
from lowres.data.yolo_labels import boxes_xyxy_px, check_shares, label_file, read_label
from lowres.data.yolo_yaml import SplitListing, class_names, split_keys

POLYGONS = "polygons turned into boxes"
NO_LABEL_FILE = "images without a label file"
_REASONS = {"bad_label_line": "line is no box", "unknown_category": "unknown category"}


class YoloSource:
    """One split; `root` is a folder, tar or zip, `file` the name of data.yaml in it, `split` one of its keys.

    Category ids are the class numbers, from 0; image ids count from 1 in the order of the names. Label files are read
    at once, image headers while iterating. A line that gives no box, and an image whose label file is no text, are left
    to packing.

    Raises:
        ValueError: data.yaml is missing or malformed, the split is not in it or has no images, no image has a label
            file, or most coordinates are in pixels.
    """

    def __init__(self, root: Path, *, file: str, split: str) -> None:
        self._files = open_images(root)
        yaml = f"{root}/{file}"
        document = read_data_yaml(self._files, file, yaml)
        self.name = f"{yaml}:{split}"
        self.categories = [
            Category(id=number, name=str(name)) for number, name in enumerate(class_names(document, yaml))
        ]
        present = self._files.names()
        self._wh_px = functools.cache(lambda name: image_wh_px(self._files, name))
        self._names = SplitListing(self._files, present, document, file=file, yaml=yaml).images(split)
        self._remarks: Counter[str] = Counter()
        self._faults: dict[str, list[Fault]] = defaultdict(list)  # by image, as what follows
        self._unreadable: dict[str, str] = {}
        self._labels = self._read_labels(set(present), keypoints="kpt_shape" in document)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images by name, which is their path below the root."""
        for number, (name, labels) in enumerate(zip(self._names, self._labels), start=1):
            size = self._wh_px(name)
            yield SourceImage(
                image_id=number,
                file_name=name,
                read=self._reader(name),
                stated_wh_px=size,
                boxes_xyxy_px=boxes_xyxy_px(labels, size),
                category_ids=labels[:, 0].astype(np.int64),
                iscrowd=np.zeros(len(labels), bool),
                area_px=np.full(len(labels), np.nan),
                faults=tuple(self._faults.get(name, ())),
            )

    def remarks(self) -> dict[str, int]:
        """Polygons turned into boxes, and images without a label file."""
        return {what: count for what, count in self._remarks.items() if count}

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
            try:
                lines = lines_of(self._files.read(file), name=file)
            except (OSError, ValueError) as error:
                self._unreadable[name] = str(error)
                lines = []
            rows = [self._row(text, name, f"{file}:{number}", keypoints=keypoints) for number, text in lines]
            labels.append(np.array([row for row in rows if row is not None], np.float64).reshape(-1, 5))
        if self._remarks[NO_LABEL_FILE] == len(labels):
            raise ValueError(
                f"{self.name}: none of {len(labels)} images has a label file; for {self._names[0]} it would be "
                f"{label_file(self._names[0])}"
            )
        check_shares(np.concatenate(labels)[:, 1:], self.name)
        return labels

    def _row(self, text: str, image: str, where: str, *, keypoints: bool) -> list[float] | None:
        found: list[Fault] = []

        def problem(kind: str, message: str) -> None:
            found.append(Fault(where, _REASONS[kind], message.removeprefix(f"{where}: ")))

        read = read_label(text, where, num_classes=len(self.categories), keypoints=keypoints, problem=problem)
        if found or read is None:
            self._faults[image] += found[:1]
            return None
        values, polygon = read
        self._remarks[POLYGONS] += polygon
        return values

    def _reader(self, name: str) -> Callable[[], bytes]:
        if name in self._unreadable:
            return unreadable("label file cannot be read", self._unreadable[name])
        return lambda: self._files.read(name)


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
