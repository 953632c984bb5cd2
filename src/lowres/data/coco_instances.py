"""What a COCO instances file says, without its images: for training data (`coco.py`) and for scoring others' results.

What makes the file ambiguous (double ids, missing keys) is refused here, in one line; what is wrong with a single box
or image is passed on. Segmentations are not read; `area` is.
"""

from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.coco_values import box_xyxy, is_id, sides_wh
from lowres.data.problems import Fault, Problem, refuse
from lowres.data.sources import Category
from lowres.data.text_files import number_or_nan, read_json_object
from lowres.records import ImageTruth


class CocoInstances:
    """Images, categories by ascending id, and the objects of each image.

    `problem` gets what is wrong with an annotation: its image or its category is unknown. If it returns, `faults` has
    it under its image, or under the first one where that is the unknown.

    Raises:
        ValueError: a missing file, malformed JSON, a missing key, no images, a double image or category id, a
            file listed twice; as `problem` does.
    """

    def __init__(self, path: Path, *, problem: Problem = refuse) -> None:
        self.name = str(path)
        document = read_json_object(path, holding="COCO instances are an object with 'images'")
        self.images = _section(document, "images", self.name)
        objects = _section(document, "annotations", self.name)
        self.categories = _categories(_section(document, "categories", self.name), self.name)
        if not self.images:
            raise ValueError(f"{self.name}: 'images' is empty; a split needs at least one image")
        image_ids = _unique_ids(self.images, "images", self.name)
        seen: set[str] = set()
        for position, image in enumerate(self.images):
            if not isinstance(image.get("file_name"), str) or not image["file_name"]:
                got = image.get("file_name")
                raise ValueError(f"{self.name}: images[{position}].file_name is {got!r}; it must be the file's name")
            if image["file_name"] in seen:
                raise ValueError(
                    f"{self.name}: images[{position}].file_name {image['file_name']!r:.80} occurs twice, each entry "
                    "perhaps with a part of its boxes; merge the entries"
                )
            seen.add(image["file_name"])
        category_ids = {category.id for category in self.categories}
        self._objects: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        self.faults: dict[int, list[Fault]] = defaultdict(list)
        for position, entry in enumerate(objects):
            unknown = _unknown(entry, image_ids, category_ids)
            if unknown is None:
                self._objects[entry["image_id"]].append((position, entry))
                continue
            place, (what, message) = f"annotations[{position}]", unknown
            problem(f"unknown_{what}", f"{self.name}: {place}.{message}")
            owner = self.images[0]["id"] if what == "image" else entry["image_id"]
            self.faults[owner].append(Fault(place, f"unknown {what}", message))

    def objects(self, image_id: int) -> dict[str, np.ndarray]:
        """The objects of an image as arrays: `boxes_xyxy_px` float64 [n, 4], `category_ids` int64, `iscrowd` bool and
        `area_px` float64 [n]; NaN where the file has no number.
        """
        entries = [entry for _, entry in self._objects.get(image_id, [])]
        return {
            "boxes_xyxy_px": np.array([box_xyxy(entry.get("bbox")) for entry in entries], np.float64).reshape(-1, 4),
            "category_ids": np.array([entry["category_id"] for entry in entries], np.int64),
            "iscrowd": np.array([entry.get("iscrowd") in (1, True) for entry in entries], bool),
            "area_px": np.array([number_or_nan(entry.get("area")) for entry in entries], np.float64),
        }

    def sides_wh_px(self, image_id: int) -> np.ndarray:
        """Widths and heights of these objects as stated, float64 [n, 2]: what corners say of them may be rounded."""
        sides = [sides_wh(entry.get("bbox")) for _, entry in self._objects.get(image_id, [])]
        return np.array(sides, np.float64).reshape(-1, 2)

    def num_without_area(self) -> int:
        """Objects whose `area` is not given as a number; crowds, which count in no size, aside."""
        entries = [entry for pairs in self._objects.values() for _, entry in pairs]
        single = [entry for entry in entries if entry.get("iscrowd") not in (1, True)]
        return sum(bool(np.isnan(number_or_nan(entry.get("area")))) for entry in single)

    def check_ids(self) -> None:
        """Refuse two annotations of one id, of which pycocotools would score one twice.

        Raises:
            ValueError: names the second one. Annotations without id pass.
        """
        seen: set[int] = set()
        for position, entry in sorted((pair for pairs in self._objects.values() for pair in pairs), key=itemgetter(0)):
            number = entry.get("id")
            if not is_id(number):
                continue
            if number in seen:
                raise ValueError(f"{self.name}: annotations[{position}].id {number} occurs twice; give each its own id")
            seen.add(number)

    def crowds_not_0_or_1(self, image_id: int) -> list[int]:
        """Positions among these objects of those whose `iscrowd` is stated and neither 0 nor 1.

        pycocotools takes any value that Python calls true for a crowd; `objects` takes 1 alone.
        """
        entries = [entry for _, entry in self._objects.get(image_id, [])]
        return [index for index, entry in enumerate(entries) if entry.get("iscrowd") not in (None, 0, 1)]

    def stated(self, image_id: int, index: int, key: str) -> str:
        """How to call a value of an object of this image in a message: file, position, key and value."""
        position, entry = self._objects[image_id][index]
        return f"{self.name}: annotations[{position}].{key} is {entry.get(key)!r:.60}"


def stated_wh_px(image: dict[str, Any]) -> tuple[int, int] | None:
    """Width and height of an entry of `images`; None where one is missing."""
    width, height = image.get("width"), image.get("height")
    return None if width is None or height is None else (width, height)


def truth_of(instances: CocoInstances) -> list[ImageTruth]:
    """Every image, to evaluate against; labels are positions in `categories`. An object without area has its box's.

    Raises ValueError, naming file and place, for two annotations of one id, an image without width and height, a box
    that is not four finite numbers with positive sides, a negative or infinite area, and an `iscrowd` that is stated as
    anything but 0 or 1.
    """
    instances.check_ids()
    labels = {category.id: label for label, category in enumerate(instances.categories)}
    truth = []
    for position, image in enumerate(instances.images):
        size = stated_wh_px(image)
        if size is None or not all(is_id(side) and side > 0 for side in size):
            raise ValueError(f"{instances.name}: images[{position}] has no width and height in pixels; add them")
        found, sides = instances.objects(image["id"]), instances.sides_wh_px(image["id"])
        boxes = found["boxes_xyxy_px"]
        wrong = np.flatnonzero(~(np.isfinite(boxes).all(axis=1) & (sides > 0).all(axis=1))).tolist()
        if wrong:
            raise ValueError(
                f"{instances.stated(image['id'], wrong[0], 'bbox')}; it must be x, y, width, height in pixels, with "
                "sides over 0, or no detection could match it: correct or remove it"
            )
        wrong = instances.crowds_not_0_or_1(image["id"])
        if wrong:
            raise ValueError(
                f"{instances.stated(image['id'], wrong[0], 'iscrowd')}; it must be 1 for a crowd and 0 for a single "
                "object, or evaluators differ on it: correct it"
            )
        areas = np.where(np.isnan(found["area_px"]), sides.prod(axis=1), found["area_px"])
        wrong = np.flatnonzero(~(np.isfinite(areas) & (areas >= 0))).tolist()
        if wrong:
            raise ValueError(
                f"{instances.stated(image['id'], wrong[0], 'area')}; it must be 0 px^2 or more: correct or remove it"
            )
        truth.append(
            ImageTruth(
                image_id=image["id"],
                width=size[0],
                height=size[1],
                boxes_xyxy_px=boxes,
                labels=np.array([labels[number] for number in found["category_ids"].tolist()], np.int64),
                iscrowd=found["iscrowd"],
                area_px=areas,
                sides_wh_px=sides,
            )
        )
    return truth


def _section(document: dict[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    section = document.get(key)
    if not isinstance(section, list):
        got = "missing" if key not in document else f"a {type(section).__name__}"
        raise ValueError(f"{name}: '{key}' is {got}; COCO instances have lists 'images', 'annotations', 'categories'")
    for position, entry in enumerate(section):
        if not isinstance(entry, dict):
            raise ValueError(f"{name}: {key}[{position}] is {entry!r:.60}; each entry must be a JSON object")
    return section


def _unknown(entry: dict[str, Any], image_ids: set[int], category_ids: set[int]) -> tuple[str, str] | None:
    """What of an annotation is unknown, 'image' or 'category', and a sentence about it; None where both are known."""
    for what, ids, section, remedy in (
        ("image", image_ids, "images", "add the image or drop the box"),
        ("category", category_ids, "categories", "correct one of the two"),
    ):
        got = entry.get(f"{what}_id")
        if not is_id(got) or got not in ids:
            return what, f"{what}_id is {got!r:.60}, not an id in '{section}'; {remedy}"
    return None


def _categories(section: list[dict[str, Any]], name: str) -> list[Category]:
    if not section:
        raise ValueError(f"{name}: 'categories' is empty; a detector needs at least one class")
    _unique_ids(section, "categories", name)
    seen: dict[str, int] = {}
    for position, entry in enumerate(section):
        label = entry.get("name")
        if not isinstance(label, str) or not label:
            raise ValueError(f"{name}: categories[{position}].name is {label!r}; it must be the class's name")
        if label in seen:
            raise ValueError(f"{name}: categories {seen[label]} and {entry['id']} are both '{label}'; rename one")
        seen[label] = entry["id"]
    return [Category(entry["id"], entry["name"]) for entry in sorted(section, key=lambda entry: entry["id"])]


def _unique_ids(section: list[dict[str, Any]], key: str, name: str) -> set[int]:
    seen: set[int] = set()
    for position, entry in enumerate(section):
        got = entry.get("id")
        if not is_id(got):
            raise ValueError(f"{name}: {key}[{position}].id is {got!r}; ids are whole numbers")
        if got in seen:
            raise ValueError(f"{name}: {key}[{position}].id {got} occurs twice; give each entry its own id")
        seen.add(got)
    return seen
