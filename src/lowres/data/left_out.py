"""What packing leaves out: every image or object with its reason, how often each occurs, and when it is too much."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any


class LeftOut:
    """Images or objects (`what`, in the plural) that do not come along.

    `listed` has file and reason of each, `by_reason` how often each reason occurs.
    """

    def __init__(self, what: str) -> None:
        self.listed: list[dict[str, str]] = []
        self.by_reason: Counter[str] = Counter()
        self._what = what
        self._weight = Fraction(0)

    def add(self, place: str, reason: str, message: str, *, weight: Fraction = Fraction(1)) -> None:
        """One more; `place` is a file or a place in one, `reason` is short, to count by, `message` says all.

        `weight` is what it counts for where it is a piece of an image.
        """
        self.listed.append({"file": place, "reason": message})
        self.by_reason[reason] += 1
        self._weight += weight

    def check(self, *, kept: Fraction | int, allowed: float, name: str) -> None:
        """Refuse the split, which messages call `name`, if over the share `allowed` is left out, or all.

        Raises:
            ValueError: one line with the counts by reason and the first.
        """
        total = self._weight + kept
        if not self.listed or (kept and self._weight <= allowed * total):
            return
        first = self.listed[0]
        message = (
            f"{name}: {_number(self._weight)} of {_number(total)} {self._what} refused, max_bad_fraction allows "
            f"{allowed:g} ({counts(self.by_reason)}; first: '{first['file']}' {first['reason']}); repair them or raise "
            "max_bad_fraction"
        )
        raise ValueError(" ".join(message.split()))


def _number(weight: Fraction) -> str:
    return f"{float(weight):.{0 if weight.denominator == 1 else 1}f}"


def counts(by_reason: Mapping[str, int]) -> str:
    """Reasons and how often, the most frequent first."""
    return ", ".join(f"{reason}: {count}" for reason, count in Counter(by_reason).most_common())


def left_out_lines(report: Mapping[str, Any]) -> list[str]:
    """For the terminal, from the report of a split: how many images and boxes are left out of how many, and why."""
    boxes = report["boxes"]
    losses = (
        ("images", report["refused_by_reason"], report["read"]),
        ("boxes", boxes["dropped_by_reason"], boxes["kept"]),
    )
    return [
        f"{sum(reasons.values())} of {sum(reasons.values()) + kept} {what} left out ({counts(reasons)})"
        for what, reasons, kept in losses
        if reasons
    ]
