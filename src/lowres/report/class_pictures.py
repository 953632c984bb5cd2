"""Images of a classifier's report: each example beside its thumbnail, with what it was taken for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lowres.report.class_contents import ClassExample, ClassReportData
from lowres.report.numbers import percent
from lowres.report.panels import TOTAL_BYTES, Panel, panel
from lowres.report.rows import title_of

_MOST_GUESSES = 3
_ORDER = {"best": 0, "median": 1, "worst": 2}


@dataclass(frozen=True)
class Guess:
    """A class that an image may be of."""

    name: str
    probability: str
    bar_percent: float  # the probability as a width
    right: bool


@dataclass(frozen=True)
class ClassPicture:
    """One example: its class, itself and its thumbnail, the student's guesses, and the other rows' first."""

    rank: str
    image_id: int
    true: str
    panels: list[Panel]
    guesses: list[Guess]
    others: list[tuple[str, Guess]]  # title of the row


def class_pictures(data: ClassReportData) -> list[ClassPicture]:
    """Examples from best to worst."""
    examples = sorted(data.examples, key=lambda example: _ORDER[example.rank])
    limit = TOTAL_BYTES // max(1, 2 * len(examples))
    return [_picture(example, data, limit) for example in examples]


def _picture(example: ClassExample, data: ClassReportData, limit: int) -> ClassPicture:
    true = data.class_names[example.label]
    guesses = {
        key: _guesses(probabilities, example.label, data.class_names)
        for key, probabilities in example.probabilities.items()
    }
    return ClassPicture(
        rank=example.rank,
        image_id=example.image_id,
        true=true,
        panels=[
            _panel(example.image, "Original", f"image {example.image_id}, {true}", limit),
            _panel(example.thumbnail, "Thumbnail", f"thumbnail of image {example.image_id}", limit),
        ],
        guesses=guesses.pop("student", []),
        others=[(title_of(data.rows, key), found[0]) for key, found in guesses.items()],
    )


def _guesses(probabilities: np.ndarray, label: int, class_names: Sequence[str]) -> list[Guess]:
    """The most probable classes, and the true one if it is none of them."""
    order: list[int] = np.argsort(-probabilities, kind="stable")[:_MOST_GUESSES].tolist()
    if label not in order:
        order.append(label)
    guesses = []
    for index in order:
        value = float(probabilities[index])
        guesses.append(Guess(class_names[index], _in_words(value), round(100 * value, 1), index == label))
    return guesses


def _in_words(probability: float) -> str:
    """In percent, but never 0 % or 100 % for what is only near it."""
    if 0 < probability < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < probability < 1 else percent(probability)


def _panel(image: np.ndarray, title: str, alternative: str, limit: int) -> Panel:
    height, width = image.shape[:2]
    return panel(image, title, f"{width} × {height} px", alternative, limit)
