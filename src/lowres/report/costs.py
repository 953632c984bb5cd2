"""What a student costs against its teacher, in words: a clause for the summary, large numbers for the head of the page.

`way` is what the time per image covers, as in "JPEG bytes to boxes".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lowres.report.numbers import count, finite, latency_ms, milliseconds, percent, pixels, times
from lowres.report.rows import EvaluatedRow

_CLOSE = 0.05  # ratios of cost within 5 % of one count as equal


@dataclass(frozen=True)
class KeyFigure:
    """One large number with its meaning; `tone` is good, bad or even."""

    value: str
    label: str
    detail: str
    tone: str


# A teacher below this has learned nothing that a share could be kept of: it reads 0.00.
LEARNED = 0.005


def head_figures(
    rows: Sequence[EvaluatedRow],
    *,
    metric: str,
    name: str,
    say: Callable[[float], str],
    way: str,
    drop_rate: float | None = None,
) -> list[KeyFigure]:
    """Student against teacher in large numbers, the share of `metric` that is kept first; only those that are known.

    `name` and `say` put the metric and a value of it in words; `drop_rate` is its measured relative loss (eq. 11).
    """
    by_key = {row.key: row for row in rows}
    student, teacher = by_key.get("student"), by_key.get("teacher")
    if student is None or teacher is None:
        return []
    figures = []
    own, full = finite(student.metrics.get(metric)), finite(teacher.metrics.get(metric))
    if own is not None and full is not None and full >= LEARNED:
        lost = finite(drop_rate)
        kept = 1 - (lost if lost is not None else (full - own) / full)
        tone = "even" if kept < 0.995 else "good"
        figures.append(
            KeyFigure(percent(kept), f"of the teacher's {name} kept", f"{name} {say(own)} against {say(full)}", tone)
        )
    return figures + cost_figures(teacher, student, way=way)


def cost_figures(teacher: EvaluatedRow, student: EvaluatedRow, *, way: str) -> list[KeyFigure]:
    """Pixels, multiply-adds and time of the student against the teacher's; only those that are known."""
    figures = []
    if isinstance(student.input_px, int) and isinstance(teacher.input_px, int):
        ratio = (teacher.input_px / student.input_px) ** 2
        detail = f"{pixels(student.input_px)} against {pixels(teacher.input_px)} a side"
        figures.append(_ratio_figure(ratio, "fewer pixels read", "more pixels read", "as many pixels", detail))
    adds = finite(teacher.cost.get("multiply_adds")), finite(student.cost.get("multiply_adds"))
    if adds[0] and adds[1]:
        detail = f"{count(adds[1])} against {count(adds[0])}"
        words = ("fewer multiply-adds", "more multiply-adds", "as many multiply-adds")
        figures.append(_ratio_figure(adds[0] / adds[1], *words, detail))
    time = latency_ms(teacher.cost, "total"), latency_ms(student.cost, "total")
    if time[0] and time[1]:
        detail = f"{milliseconds(time[1])} against {milliseconds(time[0])}, {way}"
        figures.append(_ratio_figure(time[0] / time[1], "faster", "slower", "as fast", detail))
    return figures


def cost_clause(teacher: Mapping[str, Any], student: Mapping[str, Any], *, way: str) -> str:
    """The end of a sentence, from its comma on: multiply-adds and speed, as good or as bad as they are; or nothing."""
    parts: list[tuple[bool, str]] = []  # whether it is good news, and the words
    adds = finite(teacher.get("multiply_adds")), finite(student.get("multiply_adds"))
    if adds[0] and adds[1]:
        ratio = adds[0] / adds[1]
        if ratio > 1 + _CLOSE:
            parts.append((True, f"{times(ratio)} times fewer multiply-adds"))
        elif ratio < 1 / (1 + _CLOSE):
            parts.append((False, f"{times(1 / ratio)} times as many multiply-adds"))
        else:
            parts.append((False, "as many multiply-adds"))
    time = latency_ms(teacher, "total"), latency_ms(student, "total")
    if time[0] and time[1]:
        ratio = time[0] / time[1]
        where = f"from {way}"
        threads = finite(student.get("threads"))
        if threads is not None:
            where += f", {threads:.0f} thread{'' if threads == 1 else 's'}"
        if ratio > 1 + _CLOSE:
            parts.append((True, f"{times(ratio)} times the speed ({where})"))
        elif ratio < 1 / (1 + _CLOSE):
            parts.append((False, f"slower: {times(1 / ratio)} times the time per image ({where})"))
        else:
            parts.append((False, f"no faster ({where})"))
    if not parts:
        return ""
    if len(parts) == 1:
        good, words = parts[0]
        return f", {'with ' if good or not words.startswith(('slower', 'no')) else 'but '}{words}"
    joint = " and " if parts[0][0] == parts[1][0] else ", but "
    return f", with {parts[0][1]}{joint}{parts[1][1]}"


def _ratio_figure(ratio: float, fewer: str, more: str, same: str, detail: str) -> KeyFigure:
    if ratio > 1 + _CLOSE:
        return KeyFigure(f"{times(ratio)}×", fewer, detail, "good")
    if ratio < 1 / (1 + _CLOSE):
        return KeyFigure(f"{times(1 / ratio)}×", more, detail, "bad")
    return KeyFigure("1×", same, detail, "even")
