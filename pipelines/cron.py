"""Cron expressions as Kubeflow reads them: six fields, seconds first (github.com/robfig/cron)."""

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FIELDS = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 6, DAYS),
)


def check_cron(text: str) -> str:
    """The expression with single spaces; times are UTC.

    Raises:
        ValueError: not six fields, or a field that the server would refuse or never reach.
    """
    given = text.split()
    if len(given) == 5:
        raise ValueError(f"cron {text!r} has 5 fields; Kubeflow reads 6, seconds first: '0 {' '.join(given)}'")
    if len(given) != 6:
        raise ValueError(
            f"cron {text!r} has {len(given)} fields; 6 are expected: second, minute, hour, day of month, month, "
            "day of week, as in '0 0 3 * * *'"
        )
    for field, (name, low, high, words) in zip(given, FIELDS):
        for part in field.split(","):
            if not _fits(part, low, high, words):
                raise ValueError(f"cron {text!r}: {part!r} is no {name}; write {low} to {high}, *, a-b, or */step")
    if given[5] in ("*", "?") and _first_day(given[3]) > max(LONGEST[month - 1] for month in _months(given[4])):
        raise ValueError(f"cron {text!r}: no month that it names has such a day, so it would never run")
    return " ".join(given)


def _fits(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    matched = re.fullmatch(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?", part)
    if not matched:
        return False
    first, last, step = matched.groups()
    if step is not None and int(step) == 0:
        return False
    if first in ("*", "?"):
        return last is None
    ends = [_number(text, low, words) for text in (first, last or first)]
    return None not in ends and low <= ends[0] <= ends[1] <= high  # pyright: ignore[reportOptionalOperand]


def _first_day(field: str) -> int:
    starts = [re.split("[-/]", part)[0] for part in field.split(",")]
    return min(1 if start in ("*", "?") else int(start) for start in starts)


def _months(field: str) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        ends, _, step = part.partition("/")
        first, _, last = ends.partition("-")
        begin = 1 if first in ("*", "?") else _number(first, 1, MONTHS) or 1
        end = _number(last, 1, MONTHS) if last else 12 if step or first in ("*", "?") else begin
        found.update(range(begin, (end or 12) + 1, int(step or 1)))
    return found


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + low
    return int(text) if text.isascii() and text.isdigit() else None
