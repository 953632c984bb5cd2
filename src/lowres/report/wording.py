"""The result of a detector in words: the summary sentence and the key figures."""

from collections.abc import Sequence

from lowres.report.contents import Row
from lowres.report.costs import LEARNED, KeyFigure, cost_clause, head_figures
from lowres.report.numbers import finite, pixels
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
    for row in rows:
        other = finite(row.metrics.get("ap"))
        if row.key in ("teacher", "student") or other is None:
            continue
        bicubic = row.key == "teacher_bicubic"
        who = "The teacher itself, fed with bicubic thumbnails," if bicubic else as_subject(row.title)
        text += f" {who} reaches {other:.2f}"
        text += ": no less than the student." if own is not None and other >= own else "."
    return text


def key_figures(rows: Sequence[Row], drop_rate: float | None = None) -> list[KeyFigure]:
    """Student against teacher in large numbers."""
    return head_figures(rows, metric="ap", name="AP", say=lambda ap: f"{ap:.2f}", way=WAY, drop_rate=drop_rate)


def _lower_or_higher(own: float, full: float, drop_rate: float | None) -> str:
    if full < LEARNED:
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
