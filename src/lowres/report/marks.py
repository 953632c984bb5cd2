"""What all figures share: the colour, dash and marker of each row, how accuracy is written, and a few sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from lowres.report import svg
from lowres.report.numbers import decimals, percent


@dataclass(frozen=True)
class Style:
    """How a row looks everywhere: three signs, so that grey print and colour-blind eyes tell the rows apart too."""

    colour: str  # a sentinel of `svg`
    dashes: tuple[float, ...]  # in line widths, matplotlib's way; empty is a full line
    marker: str  # matplotlib's
    outline: str  # the marker as an SVG path around (0, 0), for the legend

    @property
    def linestyle(self) -> tuple[float, tuple[float, ...]]:
        """Matplotlib's form of the dashes."""
        return (0, self.dashes)


_CIRCLE, _SQUARE, _DIAMOND = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", "M-4.5 -4.5h9v9h-9z", "M0 -6L6 0L0 6L-6 0z"
_UP, _DOWN, _PLUS = "M0 -5.5L5.5 5H-5.5z", "M0 5.5L5.5 -5H-5.5z", "M-2 -5h4v3h3v4h-3v3h-4v-3h-3v-4h3z"
_STYLES = {
    "teacher": Style(svg.TEACHER, (5, 2), "o", _CIRCLE),
    "teacher_bicubic": Style(svg.BICUBIC, (1.2, 1.6), "s", _SQUARE),
    "student": Style(svg.STUDENT, (), "D", _DIAMOND),
}
_OTHER_STYLES = (
    Style(svg.OTHER1, (3, 1.5, 1, 1.5), "^", _UP),
    Style(svg.OTHER2, (2, 1), "v", _DOWN),
    Style(svg.OTHER3, (6, 1.5, 1, 1.5), "P", _PLUS),
)


@dataclass(frozen=True)
class Measure:
    """The accuracy that a task's figures show, a fraction in [0, 1]: its name and how it is written."""

    name: str
    in_percent: bool

    @property
    def title(self) -> str:
        """The name at the beginning of a title."""
        return self.name[:1].upper() + self.name[1:]

    def write(self, value: float) -> str:
        """0.46, or 78.7 %."""
        return f"{100 * value:.1f} %" if self.in_percent else f"{value:.2f}"

    def tell(self, value: object) -> str:
        """As it stands in a table: 0.463, or 78.7 %; a dash where there is none."""
        return percent(value, 1) if self.in_percent else decimals(value)

    def mark(self, axis: Axis) -> None:
        """Writes the axis in percent where the measure is."""
        if self.in_percent:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


AP = Measure("AP", in_percent=False)
TOP1 = Measure("top-1", in_percent=True)


def row_styles(keys: Sequence[str]) -> dict[str, Style]:
    """The look of each row; beyond the three known keys, further looks in order, which repeat after three."""
    others = [key for key in keys if key not in _STYLES]
    return {
        key: _STYLES[key] if key in _STYLES else _OTHER_STYLES[others.index(key) % len(_OTHER_STYLES)] for key in keys
    }


def head_room(top: float) -> float:
    """Upper limit of an axis of accuracy whose highest value is `top`."""
    return min(1.0, max(0.1, 1.15 * top)) if top < 0.95 else 1.08


def clipped(text: str, length: int) -> str:
    """The text, cut to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"


def identifier(text: str) -> str:
    """The text as part of an id: lower case, digits and hyphens."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
