"""report: one page about one run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lowres.config.params import Report
from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.truth import load_truth
from lowres.records import ImageDetections
from lowres.report.contents import Example, FrontierPoint, ReportData, Row
from lowres.report.page import render_page
from lowres.report.wording import summary
from lowres.stages.outputs import read_json, whole_folder
from lowres.stages.provenance import provenance

STAGES = ("teacher", "downsampler", "distill")


def run(
    report: Report,
    *,
    data: Path,
    evaluation: Path,
    export: Path,
    histories: Path,
    params_file: Path,
    out_report: Path,
) -> dict[str, Any]:
    """Gather what the other stages wrote and write `index.html`."""
    details = read_json(evaluation / "details.json")
    page = ReportData(
        title=report.title,
        rows=[_row(row) for row in details["rows"]],
        class_names=details["class_names"],
        drop_rate=details["drop_rate"],
        histories={stage: _history(histories / stage) for stage in STAGES},
        pr_curves=read_json(evaluation / "curves.json"),
        confusion={"student": details["confusion"]},
        score_threshold=details["score_threshold"],
        examples=_examples(report, details, data, evaluation),
        frontier=[_point(row) for row in details["rows"]],
        params_yaml=params_file.read_text(),
        provenance=provenance(params_file, data)
        | {
            "split": details["split"],
            "machine": details["machine"],
            "export": read_json(export / "parity.json"),
            "data check": _counts(read_json(data / "check.json")),
        },
        notes=_notes(data),
    )
    html = render_page(page)
    with whole_folder(out_report) as folder:
        (folder / "index.html").write_text(html)
        (folder / "summary.txt").write_text(summary(page.rows, page.drop_rate) + "\n")
    return {"bytes": len(html)}


def _notes(data: Path) -> list[str]:
    val, test = ((data / split / "annotations.json").read_bytes() for split in ("val", "test"))
    if val != test:
        return []
    return ["The test split is the validation split, on which the weights were chosen: the source has no other."]


def _row(detail: Mapping[str, Any]) -> Row:
    cost = detail["cost"]
    width, height = cost["thumbnail_wh_px"]
    return Row(
        key=detail["key"],
        title=detail["title"],
        input_px=width if width == height else (min(width, height), max(width, height)),
        metrics=detail["metrics"],
        cost=cost,
    )


def _point(detail: Mapping[str, Any]) -> FrontierPoint:
    return FrontierPoint(
        title=detail["title"],
        ap=detail["metrics"]["ap"],
        multiply_adds=detail["cost"]["multiply_adds"],
        latency_ms=detail["cost"]["latency"]["total"]["p50_ms"],
        key=detail["key"],
    )


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _examples(report: Report, details: Mapping[str, Any], data: Path, evaluation: Path) -> list[Example]:
    split = data / details["split"]
    truth = load_truth(split)
    positions = {image.image_id: position for position, image in enumerate(truth)}
    found = {key: _detections(evaluation / "detections" / f"{key}.json") for key in ("teacher", "student")}
    reader = ShardReader(split, verify=False)
    examples = []
    for rank in ("best", "median", "worst"):
        for image_id in details["examples"][rank][: report.num_examples]:
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


def _counts(check: Mapping[str, Any]) -> dict[str, Any]:
    return {
        split: {"images": part["read"], "refused": len(part["refused"]), "boxes": part["boxes"]["kept"]}
        for split, part in check.items()
    }
