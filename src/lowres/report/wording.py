"""Numbers and facts in words: the summary sentence, the key figures, units. What is undefined becomes a dash."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lowres.report.contents import Row

DASH = "–"
_CLOSE = 0.05  # ratios of cost within 5 % of one count as equal


@dataclass(frozen=True)
class KeyFigure:
    """One large number with its meaning; `tone` is good, bad or even."""

    value: str
    label: str
    detail: str
    tone: str


def finite(value: object) -> float | None:
    """The number, or None where there is none: None, NaN, infinite, not a number."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    number = float(value)  # pyright: ignore[reportArgumentType]  # numpy scalars too
    return number if math.isfinite(number) else None


def decimals(value: object, digits: int = 3) -> str:
    """0.4563 as 0.456."""
    number = finite(value)
    return DASH if number is None else f"{number:.{digits}f}"


def percent(value: object, digits: int = 0) -> str:
    """0.352 as 35 %."""
    number = finite(value)
    return DASH if number is None else f"{100 * number:.{digits}f} %"


def count(value: object) -> str:
    """1,754,321 as 1.75 M: three digits and a decimal prefix."""
    number = finite(value)
    if number is None:
        return DASH
    for limit, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit * 0.9995:
            return f"{_three_digits(number / limit)} {prefix}"
    return f"{number:.0f}"


def milliseconds(value: object) -> str:
    """4.123 as 4.12 ms."""
    number = finite(value)
    return DASH if number is None else f"{_three_digits(number)} ms"


def size_of_memory(num_bytes: object) -> str:
    """Bytes as MiB or GiB."""
    number = finite(num_bytes)
    if number is None:
        return DASH
    mebibytes = number / 2**20
    return f"{_three_digits(mebibytes / 1024)} GiB" if mebibytes >= 1000 else f"{_three_digits(mebibytes)} MiB"


def duration(seconds: object) -> str:
    """743 as 12 min 23 s."""
    number = finite(seconds)
    if number is None:
        return DASH
    if number < 60:
        return f"{_three_digits(number)} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def pixels(input_px: int | tuple[int, int]) -> str:
    """256 as 256 px; (800, 1333) as 800/1333 px."""
    return f"{input_px} px" if isinstance(input_px, int) else f"{input_px[0]}/{input_px[1]} px"


def bin_title(low_px: float, high_px: float | None) -> str:
    """Half-open range of sizes in words."""
    if high_px is None:
        return f"{low_px:g} px and more"
    return f"under {high_px:g} px" if low_px == 0 else f"{low_px:g} to {high_px:g} px"


def times(ratio: float) -> str:
    """4.13 as 4.1, 3.99 as 4, 129.3 as 129, without a unit."""
    return f"{ratio:.0f}" if ratio >= 99.5 else f"{ratio:.1f}".removesuffix(".0")


def latency_ms(cost: Mapping[str, Any], part: str, quantile: str = "p50_ms") -> float | None:
    """One latency of a cost dictionary, in milliseconds."""
    return finite(((cost.get("latency") or {}).get(part) or {}).get(quantile))


def summary(rows: Sequence[Row], drop_rate: float | None = None) -> str:
    """The result in two or three sentences, as good or as bad as it is."""
    by_key = {row.key: row for row in rows}
    student, teacher = by_key.get("student"), by_key.get("teacher")
    if student is None:
        row = teacher or rows[0]
        return f"{_as_subject(row.title)} reads {pixels(row.input_px)} images{_reaching(row)}."
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
    text += _cost_clause(teacher.cost, student.cost) + "."
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
        detail = f"{milliseconds(time[1])} against {milliseconds(time[0])}, JPEG bytes to boxes"
        figures.append(_ratio_figure(time[0] / time[1], "faster", "slower", "as fast", detail))
    return figures


def _cost_clause(teacher: Mapping[str, Any], student: Mapping[str, Any]) -> str:
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
        where = "from JPEG bytes to boxes"
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


def _as_subject(title: str) -> str:
    if title.lower().startswith("the "):
        return title
    return f"The {title[:1].lower() if title[1:2].islower() else title[:1]}{title[1:]}"


def _three_digits(number: float) -> str:
    size = abs(number)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{number:.{digits}f}"
