"""The reference of the evaluators for records: pycocotools on what a file with the same corners would hold."""

from collections.abc import Sequence
from typing import Any

from tests.evaluation.raw_documents import RawSet, evaluated_documents, summarised

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
    instances = {
        "images": [{"id": image.image_id} for image in truth],
        "categories": [{"id": label + 1} for label in range(num_classes)],
        "annotations": objects,
    }

    def size_of(entry: dict[str, Any]) -> float:
        return long_side(image_of[entry["image_id"]], entry["bbox"])

    return evaluated_documents(
        RawSet(instances, found), ranges=ranges, limits=limits, size_of=None if long_side is None else size_of
    )


def summary_by_hand(
    truth: Sequence[ImageTruth], detections: Sequence[ImageDetections], *, num_classes: int
) -> list[float | None]:
    """Its first nine numbers (AP, AP50, AP75, AP by area, AR by number of detections); None for its -1."""
    return summarised(evaluated_by_hand(truth, detections, num_classes=num_classes))
