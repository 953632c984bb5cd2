"""The result of a classifier in words: the summary sentence and the key figures."""

from collections.abc import Sequence
from functools import partial

from lowres.report.class_contents import ClassRow
from lowres.report.costs import KeyFigure, cost_clause, head_figures
from lowres.report.numbers import finite, percent, pixels
from lowres.report.rows import as_subject

WAY = "image bytes to class"  # what the time per image covers
_KNOWN = ("teacher", "teacher_bicubic", "student")


def summary(rows: Sequence[ClassRow]) -> str:
    """The result in two or three sentences, as good or as bad as it is."""
    by_key = {row.key: row for row in rows}
    student, teacher = by_key.get("student"), by_key.get("teacher")
    if student is None:
        row = teacher or rows[0]
        return f"{as_subject(row.title)} recognises {_share(row)} from {pixels(row.input_px)} images."
    if teacher is None:
        return (
            f"From {pixels(student.input_px)} images the student recognises {_share(student)}. "
            "There is no teacher beside it."
        )
    text = (
        f"From {pixels(student.input_px)} thumbnails of {pixels(teacher.input_px)} images the student recognises "
        f"{_share(student)}, against {percent(teacher.metrics.get('top1'), 1)} for the teacher on whole images"
        f"{cost_clause(teacher.cost, student.cost, way=WAY)}."
    )
    fed = by_key.get("teacher_bicubic")
    if fed is not None and finite(fed.metrics.get("top1")) is not None:
        text += (
            f" The teacher itself, fed thumbnails, recognises {percent(fed.metrics['top1'], 1)}{_beside(fed, student)}."
        )
    for row in rows:
        if row.key not in _KNOWN and finite(row.metrics.get("top1")) is not None:
            text += f" {as_subject(row.title)} recognises {percent(row.metrics['top1'], 1)}{_beside(row, student)}."
    return text


def key_figures(rows: Sequence[ClassRow], drop_rate: float | None = None) -> list[KeyFigure]:
    """Student against teacher in large numbers."""
    say = partial(percent, digits=1)
    return head_figures(rows, metric="top1", name="top-1", say=say, way=WAY, drop_rate=drop_rate)


def interval(row: ClassRow) -> str:
    """The 95 % interval of a row's top-1 in words, empty where there is none: 77.9 to 79.5 %."""
    found = _interval(row)
    return "" if found is None else f"{100 * found[0]:.1f} to {100 * found[1]:.1f} %"


def _share(row: ClassRow) -> str:
    """With its interval: 78.7 % of the images (95 % interval 77.9 to 79.5 %)."""
    if finite(row.metrics.get("top1")) is None:
        return "an unknown share of the images"
    spread = interval(row)
    return f"{percent(row.metrics['top1'], 1)} of the images" + (f" (95 % interval {spread})" if spread else "")


def _beside(row: ClassRow, student: ClassRow) -> str:
    """What to know of a row that stands beside the student: not worse, or not clearly worse."""
    own, other = finite(student.metrics.get("top1")), finite(row.metrics.get("top1"))
    if own is None or other is None:
        return ""
    if other >= own:
        return ", no less than the student"
    intervals = _interval(row), _interval(student)
    if intervals[0] and intervals[1] and intervals[0][1] >= intervals[1][0]:
        return "; its interval overlaps the student's"
    return ""


def _interval(row: ClassRow) -> tuple[float, float] | None:
    low, high = (finite(value) for value in row.metrics.get("top1_interval") or (None, None))
    return None if low is None or high is None else (low, high)
