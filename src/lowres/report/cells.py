"""Parts of tables that every task's report has: cells and lines of the results, cost, confusions, flat facts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowres.report.marks import Measure
from lowres.report.numbers import (
    DASH,
    count,
    duration,
    finite,
    latency_ms,
    milliseconds,
    percent,
    size_of_memory,
)
from lowres.report.plots_cost import CostPoint
from lowres.report.rows import EvaluatedRow


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


def cost_lines(rows: Sequence[EvaluatedRow], *, network: str, way: str) -> list[Line]:
    """Cost of each row, and its ratio to the teacher's; empty if nothing was measured.

    `network` names what has the parameters, `way` is what the time per image covers.
    """
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
        return [finite(row.cost.get(key)) for row in rows]

    lines = [
        line("Multiply-adds", "of one image", read("multiply_adds"), count, strong=True),
        line("Parameters", f"of the {network}, down-sampler included", read("parameters"), count),
    ]
    for part, quantile, name, meaning in (
        ("total", "p50_ms", "Time per image", f"{way}, median (p50)"),
        ("total", "p99_ms", "Slow images", "the slowest in a hundred (p99)"),
        ("decode", "p50_ms", "· decode", "median"),
        ("resize", "p50_ms", "· resize", "median"),
        ("model", "p50_ms", "· model", "median"),
    ):
        values = [latency_ms(row.cost, part, quantile) for row in rows]
        strong = (part, quantile) == ("total", "p50_ms")
        lines.append(line(name, meaning, values, milliseconds, strong=strong))
    lines.append(line("Peak memory", "of the process", read("peak_memory_bytes"), size_of_memory))
    return lines


def threads(rows: Sequence[EvaluatedRow]) -> list[str]:
    """With how many threads the rows were timed, in words; more than one entry where they differ."""
    return sorted({f"{number:.0f}" for row in rows if (number := finite(row.cost.get("threads"))) is not None})


def frontier_lines(points: Sequence[CostPoint], *, measure: Measure) -> list[list[str]]:
    """Title, accuracy, multiply-adds and time of every point of the figures of cost, the cheapest first."""
    ordered = sorted(points, key=lambda point: (finite(point.multiply_adds) or math.inf, point.title))
    return [[p.title, measure.tell(p.accuracy), count(p.multiply_adds), milliseconds(p.latency_ms)] for p in ordered]


def confusion_pairs(
    classes: np.ndarray, totals: np.ndarray, class_names: Sequence[str], *, most: int = 8
) -> list[dict[str, Any]]:
    """The commonest confusions of one class with another: true and predicted name, count, and share of the true class.

    `classes` [c, c] counts true by predicted class, `totals` [c] all of each true class.
    """
    wrong = classes - np.diag(np.diag(classes))
    pairs = []
    for index in np.argsort(-wrong, axis=None, kind="stable")[:most].tolist():
        true, predicted = divmod(index, len(classes))
        number = int(wrong[true, predicted])
        if number > 0:
            names = {"true": class_names[true], "predicted": class_names[predicted]}
            pairs.append({**names, "count": number, "share": percent(number / totals[true])})
    return pairs


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as pairs of words; keys that end in `_s` are durations, in `_bytes` sizes."""
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name} · ")
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            yield name, DASH
        elif isinstance(value, int | float) and not isinstance(value, bool) and name.endswith("_s"):
            yield name.removesuffix("_s"), duration(value)
        elif isinstance(value, int | float) and name.endswith("_bytes"):
            yield name.removesuffix("_bytes"), size_of_memory(value)
        elif isinstance(value, float):
            yield name, f"{value:.4g}"
        elif isinstance(value, list | tuple):
            yield name, ", ".join(str(item) for item in value)
        else:
            yield name, str(value)


def _short_ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.0f}"
