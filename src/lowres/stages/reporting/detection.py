"""Reporting detectors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.truth import load_truth
from lowres.records import ImageDetections
from lowres.report.contents import Example, FrontierPoint, ReportData, Row
from lowres.report.page import render_page
from lowres.report.wording import summary
from lowres.stages.outputs import read_json
from lowres.stages.reporting.kit import Facts, Page, side_px


class DetectionReporting:
    """See `lowres.stages.reporting.kit.ReportingKit`."""

    def counts(self, split: Mapping[str, Any]) -> dict[str, Any]:
        """Images and boxes."""
        return {"images": split["read"], "refused": len(split["refused"]), "boxes": split["boxes"]["kept"]}

    def page(self, facts: Facts, *, data: Path, evaluation: Path) -> Page:
        """COCO's metrics by size and class, curves, confusion, images with boxes."""
        details = facts.details
        page = ReportData(
            title=facts.title,
            rows=[_row(row) for row in details["rows"]],
            class_names=details["class_names"],
            drop_rate=details["drop_rate"],
            histories=facts.histories,
            pr_curves=read_json(evaluation / "curves.json"),
            confusion={"student": details["confusion"]},
            score_threshold=details["score_threshold"],
            examples=_examples(facts, data, evaluation),
            thumbnail_channels=details.get("thumbnail_channels", 3),  # older evaluations do not say
            frontier=[_point(row) for row in details["rows"]],
            params_yaml=facts.params_yaml,
            provenance=facts.provenance,
            notes=facts.notes,
        )
        return Page(html=render_page(page), summary=summary(page.rows, page.drop_rate))


def _row(detail: Mapping[str, Any]) -> Row:
    return Row(
        key=detail["key"],
        title=detail["title"],
        input_px=side_px(detail["cost"]),
        metrics=detail["metrics"],
        cost=detail["cost"],
    )


def _point(detail: Mapping[str, Any]) -> FrontierPoint:
    return FrontierPoint(
        title=detail["title"],
        ap=detail["metrics"]["ap"],
        multiply_adds=detail["cost"]["multiply_adds"],
        latency_ms=detail["cost"]["latency"]["total"]["p50_ms"],
        key=detail["key"],
    )


def _examples(facts: Facts, data: Path, evaluation: Path) -> list[Example]:
    details = facts.details
    split = data / details["split"]
    truth = load_truth(split)
    positions = {image.image_id: position for position, image in enumerate(truth)}
    found = {key: _detections(evaluation / "detections" / f"{key}.json") for key in ("teacher", "student")}
    reader = ShardReader(split, verify=False)
    examples = []
    for rank in ("best", "median", "worst"):
        for image_id in details["examples"][rank][: facts.num_examples]:
            thumbnail = cv2.imread(str(evaluation / "thumbnails" / f"{image_id}.png"))
            assert thumbnail is not None
            examples.append(
                Example(
                    rank=rank,
                    image=decode_rgb(reader[positions[image_id]]),
                    thumbnail=np.ascontiguousarray(thumbnail[..., ::-1]),
                    truth=truth[positions[image_id]],
                    teacher=found["teacher"][image_id],
                    student=found["student"][image_id],
                    score=details["f1_by_image"][str(image_id)],
                )
            )
    return examples


def _detections(path: Path) -> dict[int, ImageDetections]:
    return {
        entry["image_id"]: ImageDetections(
            image_id=entry["image_id"],
            boxes_xyxy_px=np.array(entry["boxes_xyxy_px"], np.float64).reshape(-1, 4),
            scores=np.array(entry["scores"], np.float64),
            labels=np.array(entry["labels"], np.int64),
        )
        for entry in read_json(path)
    }
