"""What the rows of every task's report have in common, whatever their metrics: checks, looks, names."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lowres.report import svg
from lowres.report.marks import row_styles
from lowres.report.numbers import pixels


class EvaluatedRow(Protocol):
    """One thing that was evaluated; see `lowres.report.contents.Row` for what cost is made of."""

    @property
    def key(self) -> str:
        """Gives its colour on the whole page; teacher, teacher_bicubic and student are known."""
        ...

    @property
    def title(self) -> str:
        """Its name on the page."""
        ...

    @property
    def input_px(self) -> int | tuple[int, int]:
        """Side of the square that the network gets to see, or limits of its short and long side."""
        ...

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The task's own."""
        ...

    @property
    def cost(self) -> Mapping[str, Any]:
        """Parameters, multiply-adds, latency, memory."""
        ...


def checked_keys(rows: Sequence[EvaluatedRow]) -> list[str]:
    """The rows' keys; ValueError if there is no row or two share a key."""
    keys = [row.key for row in rows]
    if not keys:
        raise ValueError("rows: empty, so there is nothing to report; give at least one evaluated model")
    if len(set(keys)) != len(keys):
        raise ValueError(f"rows: the keys {keys} repeat; each row needs its own")
    return keys


def title_of(rows: Sequence[EvaluatedRow], key: str) -> str:
    """The title of the row with this key, or the key where there is none."""
    return next((row.title for row in rows if row.key == key), key)


def as_subject(title: str) -> str:
    """The title as the beginning of a sentence: The teacher."""
    if title.lower().startswith("the "):
        return title
    return f"The {title[:1].lower() if title[1:2].islower() else title[:1]}{title[1:]}"


def legend(rows: Sequence[EvaluatedRow]) -> list[dict[str, str]]:
    """Each row's title, input and look, for the legends and the heads of the tables."""
    styles = row_styles([row.key for row in rows])
    return [
        {
            "title": row.title,
            "input": pixels(row.input_px),
            "colour": svg.css_variable(styles[row.key].colour),
            "dash": " ".join(f"{2 * length:g}" for length in styles[row.key].dashes),
            "marker": styles[row.key].outline,
        }
        for row in rows
    ]
