"""The tables of a classifier's report: what stands in each line and cell, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lowres.report.cells import Cell, Line, confusion_pairs
from lowres.report.class_contents import ClassReportData, ClassRow
from lowres.report.class_wording import interval
from lowres.report.numbers import DASH, finite, percent
from lowres.report.rows import title_of


def evaluated_on(data: ClassReportData) -> str:
    """Number of images and classes, where the metrics tell."""
    images = finite(data.rows[0].metrics.get("num_images"))
    return "" if images is None else f"Evaluated on {images:,.0f} images of {len(data.class_names)} classes. "


def accuracy_lines(data: ClassReportData) -> list[Line]:
    """Accuracy and calibration of each row; top-5 only where a row has one."""
    teacher = next((row for row in data.rows if row.key == "teacher"), None)
    full = None if teacher is None else finite(teacher.metrics.get("top1"))
    cells = [Cell(percent(row.metrics.get("top1"), 1), interval(row)) for row in data.rows]
    lines = [Line("Top-1", "images recognised, with the 95 % interval", cells, strong=True)]
    if full is not None:
        cells = [Cell("" if row is teacher else _points(row, full)) for row in data.rows]
        lines.append(Line("Against the teacher", "difference of top-1", cells))
    if data.drop_rate is not None and any(row.key == "student" for row in data.rows):
        rate = percent(data.drop_rate, 1)
        cells = [Cell(rate if row.key == "student" else "") for row in data.rows]
        lines.append(Line("Accuracy drop rate", "share of the teacher's top-1 lost", cells))
    if has_top5(data.rows):
        cells = [Cell(percent(row.metrics.get("top5"), 1)) for row in data.rows]
        lines.append(Line("Top-5", "the class is among the five most probable", cells))
    cells = [Cell(percent(row.metrics.get("expected_calibration_error"), 1)) for row in data.rows]
    lines.append(Line("Calibration error", "mean gap of confidence and accuracy (ECE); less is better", cells))
    return lines


def has_top5(rows: Sequence[ClassRow]) -> bool:
    """Whether any row has a top-5: with fewer than six classes it says nothing, and evaluate leaves it out."""
    return any(finite(row.metrics.get("top5")) is not None for row in rows)


def accuracy_of_classes(data: ClassReportData) -> dict[str, dict[str, float | None]]:
    """{class name: {row key: fraction of the class's images that were recognised}}."""
    return {
        name: {row.key: finite(_of_class(row, name).get("accuracy")) for row in data.rows} for name in data.class_names
    }


def class_table(data: ClassReportData) -> list[dict[str, Any]]:
    """Accuracy of each row for each class."""
    lines = []
    for name in data.class_names:
        of_rows = [_of_class(row, name) for row in data.rows]
        if any(of_rows):
            images = next((values["num_images"] for values in of_rows if "num_images" in values), DASH)
            cells = [[percent(values.get("accuracy"), 1)] for values in of_rows]
            lines.append({"name": name, "number": images, "cells": cells})
    return lines


def told_confusions(data: ClassReportData) -> list[dict[str, Any]]:
    """For each matrix, how many images were recognised, and the commonest confusions."""
    told = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        if not matrix.size or not matrix.sum():
            continue
        images, right = int(matrix.sum()), int(np.trace(matrix))
        told.append(
            {
                "title": title_of(data.rows, key),
                "images": f"{images:,}",
                "right": f"{right:,}",
                "wrong": f"{images - right:,}",
                "pairs": confusion_pairs(matrix, matrix.sum(axis=1), data.class_names),
            }
        )
    return told


def _of_class(row: ClassRow, name: str) -> Mapping[str, Any]:
    return (row.metrics.get("per_class") or {}).get(name) or {}


def _points(row: ClassRow, full: float) -> str:
    top1 = finite(row.metrics.get("top1"))
    return DASH if top1 is None else f"{100 * (top1 - full):+.1f} points".replace("-", "−")
