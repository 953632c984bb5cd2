"""The reference of the evaluators: COCOeval as its documentation drives it, from our records."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lowres.records import ImageDetections, ImageTruth


def evaluated_by_hand(
    truth: Sequence[ImageTruth],
    detections: Sequence[ImageDetections],
    *,
    num_classes: int,
    long_side: Any = None,
    ranges: Sequence[Sequence[float]] | None = None,
    limits: Sequence[int] = (1, 10, 100),
) -> Any:
    """A COCOeval, accumulated; with `long_side(image, box_xywh)`, sizes are what it says instead of areas."""
    image_of = {image.image_id: image for image in truth}

    def annotation(image: ImageTruth | ImageDetections, index: int, category: int) -> dict[str, Any]:
        x1, y1, x2, y2 = image.boxes_xyxy_px[index].tolist()
        return {"image_id": image.image_id, "category_id": category + 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}

    objects: list[dict[str, Any]] = []
    for image in truth:
        for i, label in enumerate(image.labels.tolist()):
            extra = {"id": len(objects) + 1, "iscrowd": int(image.iscrowd[i]), "area": float(image.area_px[i])}
            objects.append(annotation(image, i, label) | extra)
    found = [
        annotation(image, i, label) | {"score": float(image.scores[i])}
        for image in detections
        for i, label in enumerate(image.labels.tolist())
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = {
            "images": [{"id": image.image_id} for image in truth],
            "categories": [{"id": label + 1} for label in range(num_classes)],
            "annotations": objects,
        }
        gold.createIndex()
        results = gold.loadRes(found) if found else _empty(gold)
        if long_side is not None:
            for item in (*gold.dataset["annotations"], *results.dataset["annotations"]):
                item["area"] = long_side(image_of[item["image_id"]], item["bbox"])
        evaluator = COCOeval(gold, results, "bbox")
        evaluator.params.maxDets = list(limits)
        if ranges is not None:
            evaluator.params.areaRng = ranges
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def summary_by_hand(
    truth: Sequence[ImageTruth], detections: Sequence[ImageDetections], *, num_classes: int
) -> list[float | None]:
    """Its first nine numbers (AP, AP50, AP75, AP by area, AR by number of detections); None for its -1."""
    evaluator = evaluated_by_hand(truth, detections, num_classes=num_classes)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.summarize()
    return [None if value == -1 else float(value) for value in evaluator.stats[:9]]


def _empty(gold: COCO) -> COCO:
    """Results without a detection, which `loadRes` cannot read."""
    results = COCO()
    results.dataset = {**gold.dataset, "annotations": []}
    results.createIndex()
    return results
