"""Precision and recall by hotcoco (MIT, https://github.com/derekallman/hotcoco), an optional and faster engine.

`pip install 'lowres[fast]'`. It is used where it is asked for by name, never because it happens to be installed:
`make evaluator-parity` holds it against pycocotools on a thousand random data sets.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowres.evaluation.matching import InputScale, SizeRange, Tables, long_sides
from lowres.records import ImageDetections, ImageTruth


def hotcoco_tables(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    num_classes: int,
    ranges: Sequence[SizeRange],
    limits: Sequence[int],
    input_scale: InputScale | None = None,
) -> Tables:
    """What `matching.match` and `accumulate` give at these limits (ascending); the input must have passed `checks`.

    Raises `ValueError` where hotcoco is not installed.
    """
    shape = (10, 101, num_classes, len(ranges), len(limits))
    tables = Tables(np.full(shape, -1.0), np.full((10, *shape[2:]), -1.0))
    if not truth:
        return tables
    columns = _columns(truth, detections, input_scale)
    for measure in ("area", "long_side"):
        chosen = [index for index, size_range in enumerate(ranges) if size_range.measure == measure]
        if chosen:
            bounds = [[ranges[index].low, ranges[index].high] for index in chosen]
            precision, recall = _evaluate(truth, columns, measure, bounds, num_classes, limits)
            tables.precision[:, :, :, chosen] = precision
            tables.recall[:, :, chosen] = recall
    return tables


def hotcoco_version() -> str:
    """Its name and version; `ValueError` where it is not installed."""
    return f"hotcoco {_hotcoco().__version__}"


@dataclass(frozen=True)
class _Columns:
    """All objects and all detections, one row each; sizes by measure."""

    object_images: np.ndarray
    object_labels: np.ndarray
    object_boxes_xywh: np.ndarray
    object_sizes: dict[str, np.ndarray]
    iscrowd: np.ndarray
    found: np.ndarray  # [d, 7]: number of the image, x, y, w, h, score, category
    found_sizes: dict[str, np.ndarray]


def _columns(
    truth: Sequence[ImageTruth], detections: Sequence[ImageDetections], input_scale: InputScale | None
) -> _Columns:
    image_of = {image.image_id: image for image in truth}
    # ascending, as pycocotools walks: between equal scores the order of images decides
    truth = sorted(truth, key=lambda image: image.image_id)
    numbers = _numbers(truth)
    detections = sorted(detections, key=lambda image: image.image_id)
    found = [
        np.column_stack(
            [
                np.full(len(image.scores), float(numbers[image.image_id])),
                image.boxes_xywh_px,
                image.scores,
                image.labels + 1.0,
            ]
        )
        for image in detections
    ]
    rows = np.concatenate([np.zeros((0, 7)), *found])
    sides = [long_sides(image.boxes_xywh_px, image_of[image.image_id], input_scale) for image in detections]
    return _Columns(
        object_images=np.repeat(np.arange(1, len(truth) + 1), [len(image.labels) for image in truth]),
        object_labels=np.concatenate([image.labels for image in truth]) + 1,
        object_boxes_xywh=np.concatenate([image.boxes_xywh_px for image in truth]),
        object_sizes={
            "area": np.concatenate([image.area_px for image in truth]),
            "long_side": np.concatenate([long_sides(image.boxes_xywh_px, image, input_scale) for image in truth]),
        },
        iscrowd=np.concatenate([image.iscrowd for image in truth]).astype(np.int64),
        found=rows,
        found_sizes={"area": rows[:, 3] * rows[:, 4], "long_side": np.concatenate([np.zeros(0), *sides])},
    )


def _numbers(truth: Sequence[ImageTruth]) -> dict[int, int]:
    """Images from 1 on in the order of their ids, which themselves can be too large for a column of floats."""
    return {image_id: number for number, image_id in enumerate(sorted(image.image_id for image in truth), start=1)}


def _evaluate(
    truth: Sequence[ImageTruth],
    columns: _Columns,
    measure: str,
    bounds: list[list[float]],
    num_classes: int,
    limits: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Hotcoco knows areas only: it is told that long sides are areas."""
    hotcoco = _hotcoco()
    numbers = _numbers(truth)
    gold = hotcoco.COCO.from_arrays(
        [{"id": numbers[image.image_id], "width": image.width, "height": image.height} for image in truth],
        [{"id": label + 1, "name": str(label)} for label in range(num_classes)],
        columns.object_images,
        columns.object_labels,
        columns.object_boxes_xywh,
        area=columns.object_sizes[measure],
        iscrowd=columns.iscrowd,
    )
    results = gold.load_res(columns.found)
    if len(columns.found):
        results.update_anns(ids=np.arange(1, len(columns.found) + 1), area=columns.found_sizes[measure])
    evaluator = hotcoco.COCOeval(gold, results, "bbox")
    evaluator.params.area_rng = bounds
    evaluator.params.area_rng_lbl = [str(index) for index in range(len(bounds))]
    evaluator.params.max_dets = list(limits)
    evaluator.evaluate()
    evaluator.accumulate()
    return np.asarray(evaluator.eval["precision"]), np.asarray(evaluator.eval["recall"])


def _hotcoco() -> Any:
    try:
        return importlib.import_module("hotcoco")
    except ImportError as error:
        raise ValueError("engine: hotcoco is not installed; pip install 'lowres[fast]', or use pycocotools") from error
