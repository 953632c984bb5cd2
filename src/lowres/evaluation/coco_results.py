"""COCO's result file: a list of {"image_id", "category_id", "bbox": [x, y, width, height], "score"}."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowres.evaluation.json_files import read_json
from lowres.records import ImageDetections

_KEYS = "image_id, category_id, bbox and score"


@dataclass(frozen=True)
class CocoResults:
    """Detections of each image that has any, and what of the file was left aside."""

    detections: list[ImageDetections]
    without_area: int  # boxes whose width or height is 0: false positives, as in pycocotools
    unknown_categories: dict[int, int]  # detections of ids that the annotations do not have


def read_coco_results(path: Path, *, labels: Mapping[int, int], image_ids: Collection[int]) -> CocoResults:
    """Read a file of results; `labels` maps category ids to labels, `image_ids` are those of the annotations.

    Raises `ValueError`, naming file, entry and field, for a missing file, malformed JSON, another layout, an image
    that is not in the annotations, a box that is not four finite numbers or has a negative side, and a score outside
    [0, 1]. Widths and heights stay as the file has them.
    """
    document = read_json(path)
    if not isinstance(document, list):
        raise ValueError(f"{path}: holds a JSON {type(document).__name__}; COCO results are a list with {_KEYS} each")
    known = frozenset(image_ids)
    found: dict[int, list[tuple[list[float], float, int]]] = {}
    without_area, unknown = 0, Counter[int]()
    for position, entry in enumerate(document):
        where = f"{path}: [{position}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{where} is {entry!r:.60}; it must be an object with {_KEYS}")
        image_id, category_id = _whole(entry, "image_id", where), _whole(entry, "category_id", where)
        box, score = _box(entry, where), _number(entry.get("score"))
        if image_id not in known:
            raise ValueError(f"{where}.image_id {image_id} is not in the annotations; give those it was made for")
        if min(box[2:]) < 0:
            raise ValueError(f"{where}.bbox is {entry['bbox']!r:.60}; width and height cannot be negative")
        if not 0 <= score <= 1:
            raise ValueError(
                f"{where}.score is {entry.get('score')!r:.60}; it must be a number from 0 to 1: divide all scores by "
                "the highest possible one, AP depends on their order only"
            )
        if category_id not in labels:
            unknown[category_id] += 1
        else:
            without_area += 0 in box[2:]
            found.setdefault(image_id, []).append((box, score, labels[category_id]))
    detections = []
    for image_id, rows in found.items():
        boxes_xywh = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
        corners, sides = boxes_xywh[:, :2], boxes_xywh[:, 2:]
        detections.append(
            ImageDetections(
                image_id=image_id,
                boxes_xyxy_px=np.concatenate([corners, corners + sides], axis=1),
                scores=np.array([score for _, score, _ in rows], np.float64),
                labels=np.array([label for *_, label in rows], np.int64),
                sides_wh_px=sides,
            )
        )
    return CocoResults(detections, without_area, dict(unknown.most_common()))


def _whole(entry: dict[str, object], key: str, where: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{where}.{key} is {value!r:.60}; it must be a whole number")
    return value


def _box(entry: dict[str, object], where: str) -> list[float]:
    box = entry.get("bbox")
    numbers = [_number(value) for value in box] if isinstance(box, list) else []
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{where}.bbox is {box!r:.60}; it must be four numbers: x, y, width, height in pixels")
    return numbers


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        return math.nan
    return float(value)
