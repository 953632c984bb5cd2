"""The result of a detector in words: the summary sentence and the key figures."""

from collections.abc import Sequence

from lowres.report.contents import Row
from lowres.report.costs import KeyFigure, cost_clause, cost_figures
from lowres.report.numbers import finite, percent, pixels
from lowres.report.rows import as_subject

WAY = "JPEG bytes to boxes"  # what the time per image covers


def summary(rows: Sequence[Row], drop_rate: float | None = None) -> str:
    """The result in two or three sentences, as good or as bad as it is."""
    by_key = {row.key: row for row in rows}
    student, teacher = by_key.get("student"), by_key.get("teacher")
    if student is None:
        row = teacher or rows[0]
        return f"{as_subject(row.title)} reads {pixels(row.input_px)} images{_reaching(row)}."
    if teacher is None:
        return (
            f"The student reads {pixels(student.input_px)} images{_reaching(student)}. There is no teacher beside it."
        )
    own, full = finite(student.metrics.get("ap")), finite(teacher.metrics.get("ap"))
    text = f"The student reads {pixels(student.input_px)} thumbnails of {pixels(teacher.input_px)} images"
    if own is None or full is None:
        text += f": its AP is {_ap_or_unknown(own)}, the teacher's {_ap_or_unknown(full)}"
    else:
        text += f": AP {own:.2f} against the teacher's {full:.2f}{_lower_or_higher(own, full, drop_rate)}"
    text += cost_clause(teacher.cost, student.cost, way=WAY) + "."
    bicubic = by_key.get("teacher_bicubic")
    base = None if bicubic is None else finite(bicubic.metrics.get("ap"))
    if base is not None:
        text += f" The teacher itself, fed with bicubic thumbnails, reaches {base:.2f}"
        text += ": no less than the student." if own is not None and base >= own else "."
    return text


def key_figures(rows: Sequence[Row], drop_rate: float | None = None) -> list[KeyFigure]:
    """Student against teacher in large numbers; only those that are known."""
    by_key = {row.key: row for row in rows}
    student, teacher = by_key.get("student"), by_key.get("teacher")
    if student is None or teacher is None:
        return []
    figures = []
    own, full = finite(student.metrics.get("ap")), finite(teacher.metrics.get("ap"))
    if own is not None and full is not None and full > 0:
        lost = finite(drop_rate)
        kept = 1 - (lost if lost is not None else (full - own) / full)
        tone = "even" if kept < 0.995 else "good"
        figures.append(
            KeyFigure(percent(kept), "of the teacher's AP kept", f"AP {own:.2f} against {full:.2f}", tone),
        )
    return figures + cost_figures(teacher, student, way=WAY)


def _lower_or_higher(own: float, full: float, drop_rate: float | None) -> str:
    if full <= 0:
        return ""
    given = finite(drop_rate)
    drop = (full - own) / full if given is None else given
    if abs(drop) < 0.005:
        return " (equal)"
    return f" ({abs(drop) * 100:.0f} % {'lower' if drop > 0 else 'higher'})"


def _reaching(row: Row) -> str:
    ap = finite(row.metrics.get("ap"))
    return "; its AP is not defined" if ap is None else f" and reaches AP {ap:.2f}"


def _ap_or_unknown(ap: float | None) -> str:
    return "not defined" if ap is None else f"{ap:.2f}"
