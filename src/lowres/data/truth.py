"""Read back what a packed split knows of its images: classes, official ids, boxes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.shards import read_index
from lowres.records import ImageTruth


def load_truth(folder: Path) -> list[ImageTruth]:
    """Every image of a split folder with its objects (crowd regions included), in the order of the index.

    The sides of the boxes are those of the file: it was packed from corners, which give them back.

    Raises:
        ValueError: the folder is not prepared, or its annotations differ from their checksum.
    """
    document = _annotations(folder)
    labels = {category_id: label for label, category_id in enumerate(_category_ids(document))}
    objects: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in document["images"]}
    for entry in document["annotations"]:
        objects[entry["image_id"]].append(entry)
    truth = []
    for image in document["images"]:
        found = objects[image["id"]]
        boxes = np.array([entry["bbox"] for entry in found], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truth.append(
            ImageTruth(
                image_id=image["id"],
                width=image["width"],
                height=image["height"],
                boxes_xyxy_px=boxes,
                labels=np.array([labels[entry["category_id"]] for entry in found], np.int64),
                iscrowd=np.array([entry["iscrowd"] for entry in found], bool),
                area_px=np.array([entry["area"] for entry in found], np.float64),
            )
        )
    return truth


def class_names(folder: Path) -> list[str]:
    """Names of the classes; the position is the label."""
    return [category["name"] for category in _sorted_categories(_annotations(folder))]


def category_ids(folder: Path) -> list[int]:
    """Official ids of the classes, ascending; the position is the label."""
    return _category_ids(_annotations(folder))


def _annotations(folder: Path) -> dict[str, Any]:
    index = read_index(folder)
    path = folder / "annotations.json"
    if not path.is_file():
        raise ValueError(f"{path}: no such file; run the prepare stage")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != index["annotations_sha256"]:
        raise ValueError(f"{path}: content differs from its checksum; restore it or run the prepare stage again")
    return json.loads(data)


def _sorted_categories(document: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(document["categories"], key=lambda category: category["id"])


def _category_ids(document: dict[str, Any]) -> list[int]:
    return [category["id"] for category in _sorted_categories(document)]
