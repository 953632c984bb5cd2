"""The official result file of TT100K: {"imgs": {id: {"objects": [{"category", "bbox": {"xmin", ...}, "score"}]}}}.

Scores in it go to 1, 100 or 1000, and nothing in the file says which: the caller does. Ours are in [0, 1].
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lowres.evaluation.tt100k_json import SIDES, as_boxes, box_of, category_of, is_number, objects_of, read_document
from lowres.evaluation.tt100k_records import SignDetections

SCORE_SCALES = (1, 100, 1000)  # a detector's own, percentages, and that of the official evaluator


def read_results(path: Path, *, score_scale: int) -> list[SignDetections]:
    """Detections of each image in the file, in its order; a score is divided by `score_scale` (1, 100 or 1000).

    Raises `ValueError`, naming file, image and field, for what `tt100k_json` refuses, a missing score, a score outside
    the scale, and a scale of 100 or 1000 where no score is over 1 and some are over 0: the official threshold, 40 of
    1000, would leave none of them, so what is refused has no number to lose.
    """
    _check_scale(score_scale)
    detections = [
        _detections(image_id, entry, score_scale, f"{path}: imgs[{image_id!r}]")
        for image_id, entry in read_document(path)["imgs"].items()
    ]
    highest = max((float(image.scores.max()) for image in detections if len(image.scores)), default=1.0)
    if score_scale > 1 and 0 < highest * score_scale <= 1:
        raise ValueError(
            f"{path}: no score is over {highest * score_scale:g}, on a scale of {score_scale}; "
            "the file seems to have scores from 0 to 1: read it with a score scale of 1 (--score-scale 1)"
        )
    return detections


def write_results(path: Path, detections: Sequence[SignDetections], *, score_scale: int) -> None:
    """Write detections in the official layout, whole or not at all; scores are multiplied by `score_scale`.

    Read back, boxes are the same to the bit; so are scores of scale 1, while a scale of 1000 may cost their last bit.
    Raises `ValueError` for an image that occurs twice and for what is not finite.
    """
    _check_scale(score_scale)
    images: dict[str, dict[str, list[dict[str, object]]]] = {}
    for image in detections:
        if image.image_id in images:
            raise ValueError(f"detections: image {image.image_id!r} appears twice; give each image one record")
        boxes, scores = np.asarray(image.boxes_xyxy_px).tolist(), np.asarray(image.scores).tolist()
        images[image.image_id] = {
            "objects": [
                {"category": category, "bbox": dict(zip(SIDES, box, strict=True)), "score": score * score_scale}
                for category, box, score in zip(image.categories, boxes, scores, strict=True)
            ]
        }
    try:
        text = json.dumps({"imgs": images}, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{path}: a box or a score is not finite ({error}); drop it or find what made it") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text + "\n")
    os.replace(temporary, path)  # noqa: PTH105 - the atomic one by name


def _detections(image_id: str, entry: object, score_scale: int, where: str) -> SignDetections:
    boxes: list[list[float]] = []
    categories: list[str] = []
    scores: list[float] = []
    for item, place in objects_of(entry, where):
        categories.append(category_of(item, place))
        boxes.append(box_of(item, place))
        score = item.get("score")
        if not is_number(score) or not 0 <= score <= score_scale:
            raise ValueError(
                f"{place}.score is {score!r:.60}; it must be a number from 0 to the score scale, {score_scale}: "
                "--score-scale is the highest possible score in the file"
            )
        scores.append(score / score_scale)
    return SignDetections(image_id, as_boxes(boxes), tuple(categories), np.array(scores, dtype=np.float64))


def _check_scale(score_scale: int) -> None:
    if score_scale not in SCORE_SCALES:
        raise ValueError(f"score scale: {score_scale} is not known; scores go to 1, 100 or, in official files, 1000")
