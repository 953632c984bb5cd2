"""COCO files as others write them, with fractional coordinates, and pycocotools on just these files.

Their boxes are x, y, width, height: our records, which have corners, play no part in the reference.
"""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.evaluation.random_sets import random_set

from lowres.data.coco_instances import CocoInstances, truth_of
from lowres.evaluation.coco_results import read_coco_results
from lowres.records import ImageDetections, ImageTruth

THRESHOLDS = np.linspace(0.5, 0.95, 10).tolist()


@dataclass(frozen=True)
class RawSet:
    """A document of instances and one of results."""

    instances: dict[str, Any]
    results: list[dict[str, Any]]

    def records(self, folder: Path) -> tuple[list[ImageTruth], list[ImageDetections]]:
        """Written into the folder, and read by our readers."""
        for name, document in (("instances", self.instances), ("results", self.results)):
            (folder / f"{name}.json").write_text(json.dumps(document))
        instances = CocoInstances(folder / "instances.json")
        truth = truth_of(instances)
        labels = {category.id: label for label, category in enumerate(instances.categories)}
        ids = [image.image_id for image in truth]
        return truth, read_coco_results(folder / "results.json", labels=labels, image_ids=ids).detections


def random_documents(seed: int) -> RawSet:
    """What `random_set` makes with this seed, most sets shifted by fractions of a pixel, and then some.

    Sides have two decimals or are 32 or 96 px; areas are those of boxes or of masks; every object has a detection
    whose IoU is one of COCO's thresholds, up to rounding, and some have one without area.
    """
    rng, base = np.random.default_rng([seed, 1]), random_set(seed)
    objects: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    most = 1.0 if rng.uniform() < 0.75 else 0.0
    for image in base.truth:
        masks = rng.uniform() < 0.3
        for box, label, crowd in zip(image.boxes_xyxy_px, image.labels.tolist(), image.iscrowd.tolist(), strict=True):
            x, y, w, h = (round(float(v), 2) for v in (*(box[:2] + rng.uniform(0, most, 2)), *(box[2:] - box[:2])))
            if rng.uniform() < 0.3:
                w = h = float(rng.choice([32, 96]))
            where = {"image_id": image.image_id, "category_id": label + 1}
            area = w * h * (float(rng.uniform(0.4, 1)) if masks else 1.0)
            objects.append(where | {"id": len(objects) + 1, "bbox": [x, y, w, h], "area": area, "iscrowd": int(crowd)})
            score = round(float(rng.uniform()), 2)
            results.append(where | {"bbox": [x, y, w, h * float(rng.choice(THRESHOLDS))], "score": score})
            if rng.uniform() < 0.1:
                results.append(where | {"bbox": [x, y, w, 0], "score": round(float(rng.uniform()), 2)})
    for image in base.detections:
        for box, label, score in zip(image.boxes_xyxy_px, image.labels.tolist(), image.scores.tolist(), strict=True):
            x, y, w, h = (round(float(v), 2) for v in (*box[:2], *(box[2:] - box[:2])))
            if rng.uniform() < 0.2:
                w = h = float(rng.choice([32, 96]))
            where = {"image_id": image.image_id, "category_id": label + 1}
            results.append(where | {"bbox": [x, y, w, h], "score": score})
    images = [
        {"id": image.image_id, "file_name": f"{image.image_id}.jpg", "width": image.width, "height": image.height}
        for image in base.truth
    ]
    categories = [{"id": label + 1, "name": str(label)} for label in range(base.num_classes)]
    return RawSet({"images": images, "annotations": objects, "categories": categories}, results)


def evaluated_documents(
    documents: RawSet,
    *,
    ranges: Sequence[Sequence[float]] | None = None,
    limits: Sequence[int] = (1, 10, 100),
    size_of: Callable[[dict[str, Any]], float] | None = None,
) -> Any:
    """A COCOeval as its documentation drives it, accumulated; with `size_of(entry)`, sizes are that instead of areas."""
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = json.loads(json.dumps(documents.instances))
        gold.createIndex()
        found = json.loads(json.dumps(documents.results))
        results = gold.loadRes(found) if found else _empty(gold)
        if size_of is not None:
            for entry in (*gold.dataset["annotations"], *results.dataset["annotations"]):
                entry["area"] = size_of(entry)
        evaluator = COCOeval(gold, results, "bbox")
        evaluator.params.maxDets = list(limits)
        if ranges is not None:
            evaluator.params.areaRng = ranges
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def summarised(evaluator: Any) -> list[float | None]:
    """Its first nine numbers (AP, AP50, AP75, AP by area, AR by number of detections); None for its -1."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator.summarize()
    return [None if value == -1 else float(value) for value in evaluator.stats[:9]]


def _empty(gold: COCO) -> COCO:
    """Results without a detection, which `loadRes` cannot read."""
    results = COCO()
    results.dataset = {**gold.dataset, "annotations": []}
    results.createIndex()
    return results
