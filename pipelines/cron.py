"""Cron expressions as Kubeflow reads them: six fields, seconds first (github.com/robfig/cron)."""

import re

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
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


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + low
    return int(text) if text.isascii() and text.isdigit() else None
