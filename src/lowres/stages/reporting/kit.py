"""What report asks of a task: from what the other stages wrote to a page and a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Facts:
    """What the report of every task shows; `details` is what evaluate wrote, of which the kit knows its own part."""

    title: str
    num_examples: int  # of each rank: best, median, worst
    details: Mapping[str, Any]
    histories: Mapping[str, Sequence[Mapping[str, Any]]]  # {stage: records}
    params_yaml: str
    provenance: Mapping[str, Any]
    notes: Sequence[str]


@dataclass(frozen=True)
class Page:
    """One HTML file, and its summary as plain text."""

    html: str
    summary: str


class ReportingKit(Protocol):
    """One task."""

    def counts(self, split: Mapping[str, Any]) -> dict[str, Any]:
        """What the report says of the check of one split: its entry in `check.json`, in short."""
        ...

    def page(self, facts: Facts, *, data: Path, evaluation: Path) -> Page:
        """The page; `data` holds the prepared splits, `evaluation` what the task's measuring kit left."""
        ...


def side_px(cost: Mapping[str, Any]) -> int | tuple[int, int]:
    """Side of what a row gets to see, or its short and long side."""
    width, height = cost["thumbnail_wh_px"]
    return width if width == height else (min(width, height), max(width, height))
