"""Reporting classifiers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lowres.report.class_contents import ClassExample, ClassReportData, ClassRow
from lowres.report.class_page import render_class_page
from lowres.report.class_wording import summary
from lowres.stages.outputs import read_json
from lowres.stages.reporting.kit import Facts, Page, side_px


class ClassificationReporting:
    """See `lowres.stages.reporting.kit.ReportingKit`."""

    def counts(self, split: Mapping[str, Any]) -> dict[str, Any]:
        """Images: each has one class."""
        return {"images": split["read"], "refused": len(split["refused"])}

    def page(self, facts: Facts, *, data: Path, evaluation: Path) -> Page:
        """Accuracy, by class too, calibration, confusion, images with what they were taken for."""
        details = facts.details
        page = ClassReportData(
            title=facts.title,
            rows=[_row(row) for row in details["rows"]],
            class_names=details["class_names"],
            drop_rate=details["drop_rate"],
            histories=facts.histories,
            confusion={"student": details["confusion"]["student"]},
            examples=_examples(facts, evaluation),
            params_yaml=facts.params_yaml,
            provenance=facts.provenance,
            notes=facts.notes,
        )
        return Page(html=render_class_page(page), summary=summary(page.rows))


def _row(detail: Mapping[str, Any]) -> ClassRow:
    return ClassRow(
        key=detail["key"],
        title=detail["title"],
        input_px=side_px(detail["cost"]),
        metrics=detail["metrics"],
        cost=detail["cost"],
    )


def _examples(facts: Facts, evaluation: Path) -> list[ClassExample]:
    known = read_json(evaluation / "labels.json")
    keys = [row["key"] for row in facts.details["rows"]]
    found = {key: np.load(evaluation / "probabilities" / f"{key}.npy", mmap_mode="r") for key in keys}
    return [
        ClassExample(
            rank=rank,
            image_id=known["image_ids"][position],
            image=_picture(evaluation / "examples" / f"{position}-image.png"),
            thumbnail=_picture(evaluation / "examples" / f"{position}-thumbnail.png"),
            label=known["labels"][position],
            probabilities={key: np.array(of_images[position]) for key, of_images in found.items()},
        )
        for rank in ("best", "median", "worst")
        for position in facts.details["examples"][rank][: facts.num_examples]
    ]


def _picture(path: Path) -> np.ndarray:
    """RGB uint8 [h, w, 3]."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path}: missing or no image; run the evaluate stage again")
    return np.ascontiguousarray(image[..., ::-1])
