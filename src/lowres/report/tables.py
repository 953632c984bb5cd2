"""The report's tables: what stands in each line and cell, in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowres.report import wording
from lowres.report.contents import ReportData, Row
from lowres.report.wording import DASH

_ACCURACY = (  # metric, name, what it is
    ("ap", "AP", "mean over IoU 0.50 to 0.95"),
    ("ap50", "AP50", "IoU 0.50"),
    ("ap75", "AP75", "IoU 0.75"),
    ("ap_small", "AP small", "objects under 32² px in the stored image"),
    ("ap_medium", "AP medium", "32² to 96² px"),
    ("ap_large", "AP large", "over 96² px"),
    ("ar_100", "AR100", "recall with 100 detections per image"),
)
_LATENCIES = (
    ("total", "p50_ms", "Time per image", "JPEG bytes to boxes, median (p50)"),
    ("total", "p99_ms", "Slow images", "the slowest in a hundred (p99)"),
    ("decode", "p50_ms", "· decode", "median"),
    ("resize", "p50_ms", "· resize", "median"),
    ("model", "p50_ms", "· model", "median"),
)


@dataclass(frozen=True)
class Cell:
    """A value in words, and how it stands to the teacher's."""

    text: str
    aside: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the table of results: a name, what it means, one cell per row of the evaluation."""

    name: str
    meaning: str
    cells: list[Cell]
    strong: bool = False


def evaluated_on(rows: Sequence[Row]) -> str:
    """Number of images and objects, where the metrics tell."""
    images, objects = (wording.finite(rows[0].metrics.get(key)) for key in ("num_images", "num_objects"))
    return (
        "" if images is None or objects is None else f"Evaluated on {images:,.0f} images with {objects:,.0f} objects. "
    )


def accuracy_lines(data: ReportData) -> list[Line]:
    """Accuracy of each row, and by how many percent it differs from the teacher's."""
    teacher = next((row for row in data.rows if row.key == "teacher"), None)
    lines = []
    for metric, name, meaning in _ACCURACY:
        full = None if teacher is None else wording.finite(teacher.metrics.get(metric))
        cells = []
        for row in data.rows:
            value = wording.finite(row.metrics.get(metric))
            aside = ""
            if row is not teacher and full and value is not None:
                aside = f"{(value - full) / full * 100:+.0f} %".replace("-", "−")
            cells.append(Cell(wording.decimals(value), aside))
        lines.append(Line(name, meaning, cells, strong=metric == "ap"))
    if data.drop_rate is not None and any(row.key == "student" for row in data.rows):
        rate = wording.percent(data.drop_rate, 1)
        cells = [Cell(rate if row.key == "student" else "") for row in data.rows]
        lines.append(Line("Accuracy drop rate", "share of the teacher's AP lost (ThumbDet, eq. 11)", cells))
    return lines


def cost_lines(rows: Sequence[Row]) -> list[Line]:
    """Cost of each row, and its ratio to the teacher's; empty if nothing was measured."""
    if not any(row.cost for row in rows):
        return []
    teacher = next((row for row in rows if row.key == "teacher"), None)

    def line(name: str, meaning: str, values: list[float | None], say: Any, *, strong: bool = False) -> Line:
        full = next((v for row, v in zip(rows, values, strict=True) if row is teacher), None)
        cells = []
        for row, value in zip(rows, values, strict=True):
            aside = f"× {_short_ratio(value / full)}" if full and value is not None and row is not teacher else ""
            cells.append(Cell(say(value), aside))
        return Line(name, meaning, cells, strong)

    def read(key: str) -> list[float | None]:
        return [wording.finite(row.cost.get(key)) for row in rows]

    lines = [
        line("Multiply-adds", "of one image", read("multiply_adds"), wording.count, strong=True),
        line("Parameters", "of the detector, down-sampler included", read("parameters"), wording.count),
    ]
    for part, quantile, name, meaning in _LATENCIES:
        values = [wording.latency_ms(row.cost, part, quantile) for row in rows]
        strong = (part, quantile) == ("total", "p50_ms")
        lines.append(line(name, meaning, values, wording.milliseconds, strong=strong))
    lines.append(line("Peak memory", "of the process", read("peak_memory_bytes"), wording.size_of_memory))
    return lines


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
            cells.append([wording.decimals(same[0].get(metric) if same else None) for metric in ("ap", "ap50")])
        title = wording.bin_title(size["low_px"], size["high_px"])
        lines.append({"name": title, "objects": size.get("num_objects", DASH), "cells": cells})
    return lines


def class_table(data: ReportData) -> list[dict[str, Any]]:
    """AP and AP50 of each row for each class."""
    lines = []
    for name in data.class_names:
        of_rows = [(row.metrics.get("per_class") or {}).get(name) or {} for row in data.rows]
        if not any(of_rows):
            continue
        objects = next((values["num_objects"] for values in of_rows if "num_objects" in values), DASH)
        cells = [[wording.decimals(values.get(metric)) for metric in ("ap", "ap50")] for values in of_rows]
        lines.append({"name": name, "objects": objects, "cells": cells})
    return lines


def frequent_confusions(data: ReportData, most: int = 8) -> list[dict[str, Any]]:
    """For each matrix, the commonest confusions of one class with another, and what was missed or invented."""
    told = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        if not matrix.size or not matrix.sum():
            continue
        classes = matrix[:-1, :-1]
        wrong = classes - np.diag(np.diag(classes))
        order = [index for index in np.argsort(-wrong, axis=None, kind="stable").tolist() if wrong.flat[index] > 0][
            :most
        ]
        pairs = []
        for index in order:
            true, predicted = divmod(index, len(classes))
            share = wording.percent(wrong[true, predicted] / matrix[true].sum())
            names = data.class_names[true], data.class_names[predicted]
            pairs.append(
                {"true": names[0], "predicted": names[1], "count": int(wrong[true, predicted]), "share": share}
            )
        objects = int(matrix[:-1].sum())
        told.append(
            {
                "title": next((row.title for row in data.rows if row.key == key), key),
                "objects": objects,
                "right": int(np.trace(classes)),
                "wrong": int(wrong.sum()),
                "missed": int(matrix[:-1, -1].sum()),
                "invented": int(matrix[-1, :-1].sum()),
                "pairs": pairs,
            }
        )
    return told


def frontier_table(data: ReportData) -> list[list[str]]:
    """Title, AP, multiply-adds and time of every point of the figures of cost, the cheapest first."""
    points = sorted(data.frontier, key=lambda point: (wording.finite(point.multiply_adds) or math.inf, point.title))
    return [
        [p.title, wording.decimals(p.ap), wording.count(p.multiply_adds), wording.milliseconds(p.latency_ms)]
        for p in points
    ]


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as pairs of words; keys that end in `_s` are durations, in `_bytes` sizes."""
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name} · ")
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            yield name, DASH
        elif isinstance(value, int | float) and not isinstance(value, bool) and name.endswith("_s"):
            yield name.removesuffix("_s"), wording.duration(value)
        elif isinstance(value, int | float) and name.endswith("_bytes"):
            yield name.removesuffix("_bytes"), wording.size_of_memory(value)
        elif isinstance(value, float):
            yield name, f"{value:.4g}"
        elif isinstance(value, list | tuple):
            yield name, ", ".join(str(item) for item in value)
        else:
            yield name, str(value)


def _short_ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.0f}"
