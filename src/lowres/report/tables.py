"""The tables of a detector's report: what stands in each line and cell, in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lowres.report.cells import Cell, Line, confusion_pairs
from lowres.report.contents import ReportData, Row
from lowres.report.numbers import DASH, bin_title, decimals, finite, percent
from lowres.report.rows import title_of

_ACCURACY = (  # metric, name, what it is
    ("ap", "AP", "mean over IoU 0.50 to 0.95"),
    ("ap50", "AP50", "IoU 0.50"),
    ("ap75", "AP75", "IoU 0.75"),
    ("ap_small", "AP small", "objects under 32² px in the stored image"),
    ("ap_medium", "AP medium", "32² to 96² px"),
    ("ap_large", "AP large", "over 96² px"),
    ("ar_100", "AR100", "recall with 100 detections per image"),
)


def evaluated_on(rows: Sequence[Row]) -> str:
    """Number of images and objects, where the metrics tell."""
    images, objects = (finite(rows[0].metrics.get(key)) for key in ("num_images", "num_objects"))
    return (
        "" if images is None or objects is None else f"Evaluated on {images:,.0f} images with {objects:,.0f} objects. "
    )


def accuracy_lines(data: ReportData) -> list[Line]:
    """Accuracy of each row, and by how many percent it differs from the teacher's."""
    teacher = next((row for row in data.rows if row.key == "teacher"), None)
    lines = []
    for metric, name, meaning in _ACCURACY:
        full = None if teacher is None else finite(teacher.metrics.get(metric))
        cells = []
        for row in data.rows:
            value = finite(row.metrics.get(metric))
            aside = ""
            if row is not teacher and full and value is not None:
                aside = f"{(value - full) / full * 100:+.0f} %".replace("-", "−")
            cells.append(Cell(decimals(value), aside))
        lines.append(Line(name, meaning, cells, strong=metric == "ap"))
        if metric == "ap" and any(row.metrics.get("ap_interval") for row in data.rows):
            cells = [Cell(_interval(row.metrics.get("ap_interval"))) for row in data.rows]
            lines.append(Line("· 95 % interval", "of AP over images (bootstrap)", cells))
    if data.drop_rate is not None and any(row.key == "student" for row in data.rows):
        rate = percent(data.drop_rate, 1)
        cells = [Cell(rate if row.key == "student" else "") for row in data.rows]
        lines.append(Line("Accuracy drop rate", "share of the teacher's AP lost", cells))
    return lines


def _interval(bounds: Sequence[object] | None) -> str:
    return DASH if not bounds else f"{decimals(bounds[0])} to {decimals(bounds[1])}"


def size_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """AP and AP50 of each row in each bin of size on the thumbnail."""
    bins = next((row.metrics["by_thumbnail_size"] for row in rows if row.metrics.get("by_thumbnail_size")), [])
    lines = []
    for size in bins:
        cells = []
        for row in rows:
            same = [
                other
                for other in row.metrics.get("by_thumbnail_size") or []
                if (other["low_px"], other["high_px"]) == (size["low_px"], size["high_px"])
            ]
            cells.append([decimals(same[0].get(metric) if same else None) for metric in ("ap", "ap50")])
        title = bin_title(size["low_px"], size["high_px"])
        lines.append({"name": title, "number": size.get("num_objects", DASH), "cells": cells})
    return lines


def class_table(data: ReportData) -> list[dict[str, Any]]:
    """AP and AP50 of each row for each class."""
    lines = []
    for name in data.class_names:
        of_rows = [(row.metrics.get("per_class") or {}).get(name) or {} for row in data.rows]
        if not any(of_rows):
            continue
        objects = next((values["num_objects"] for values in of_rows if "num_objects" in values), DASH)
        cells = [[decimals(values.get(metric)) for metric in ("ap", "ap50")] for values in of_rows]
        lines.append({"name": name, "number": objects, "cells": cells})
    return lines


def told_confusions(data: ReportData) -> list[dict[str, Any]]:
    """For each matrix, the commonest confusions of one class with another, and what was missed or invented."""
    told = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        if not matrix.size or not matrix.sum():
            continue
        classes = matrix[:-1, :-1]
        right = int(np.trace(classes))
        told.append(
            {
                "title": title_of(data.rows, key),
                "objects": int(matrix[:-1].sum()),
                "right": right,
                "wrong": int(classes.sum()) - right,
                "missed": int(matrix[:-1, -1].sum()),
                "invented": int(matrix[-1, :-1].sum()),
                "pairs": confusion_pairs(classes, matrix[:-1].sum(axis=1), data.class_names),
            }
        )
    return told
