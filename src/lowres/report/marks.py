"""What all figures share: the colour, dash and marker of each row, and a few measures."""

from collections.abc import Sequence
from typing import Any

from lowres.report import svg

_STYLES = {  # row key: colour, dash, marker
    "teacher": (svg.TEACHER, (0, ()), "o"),
    "teacher_bicubic": (svg.BICUBIC, (0, (1.2, 1.6)), "s"),
    "student": (svg.STUDENT, (0, ()), "D"),
}
_OTHER_STYLES = (
    (svg.OTHER1, (0, (5, 2)), "^"),
    (svg.OTHER2, (0, (3, 1.5, 1, 1.5)), "v"),
    (svg.OTHER3, (0, (2, 1)), "P"),
)


def row_styles(keys: Sequence[str]) -> dict[str, tuple[str, Any, str]]:
    """Colour (a sentinel of `svg`), dash pattern and marker of each row."""
    others = [key for key in keys if key not in _STYLES]
    return {key: _STYLES[key] for key in keys if key in _STYLES} | {
        key: _OTHER_STYLES[index % len(_OTHER_STYLES)] for index, key in enumerate(others)
    }


def head_room(top: float) -> float:
    """Upper limit of an axis of AP whose highest value is `top`."""
    return min(1.0, max(0.1, 1.15 * top)) if top < 0.95 else 1.08


def clipped(text: str, length: int) -> str:
    """The text, cut to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"


def identifier(text: str) -> str:
    """The text as part of an id: lower case, digits and hyphens."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
