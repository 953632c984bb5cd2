"""What packing leaves out: every image or object with its reason, how often each occurs, and when it is too much."""

from collections import Counter
from collections.abc import Mapping
from typing import Any


class LeftOut:
    """Images or objects (`what`, in the plural) that do not come along.

    `listed` has file and reason of each, `by_reason` how often each reason occurs.
    """

    def __init__(self, what: str) -> None:
        self.listed: list[dict[str, str]] = []
        self.by_reason: Counter[str] = Counter()
        self._what = what

    def add(self, place: str, reason: str, message: str) -> None:
        """One more; `place` is a file or a place in one, `reason` is short, to count by, `message` says all."""
        self.listed.append({"file": place, "reason": message})
        self.by_reason[reason] += 1

    def check(self, *, kept: int, allowed: float, name: str) -> None:
        """Refuse the split, which messages call `name`, if over the share `allowed` is left out, or all.

        Raises:
            ValueError: one line with the counts by reason and the first.
        """
        total = len(self.listed) + kept
        if not self.listed or (kept and len(self.listed) <= allowed * total):
            return
        first = self.listed[0]
        message = (
            f"{name}: {len(self.listed)} of {total} {self._what} refused, max_bad_fraction allows {allowed:g} "
            f"({counts(self.by_reason)}; first: '{first['file']}' {first['reason']}); repair them or raise "
            "max_bad_fraction"
        )
        raise ValueError(" ".join(message.split()))


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
