"""What a data set must offer to be packed: its classes and its images, each with its objects.

A new format is a new file with a class of this shape; `pack.py` knows no format.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np

from lowres.data.images import BadImageError
from lowres.data.problems import Fault


@dataclass(frozen=True)
class Category:
    """One class under the data set's own (official) id."""

    id: int
    name: str


@dataclass(frozen=True)
class SourceImage:
    """One image as its data set describes it, unchecked: boxes may be NaN, empty or out of frame.

    `read` returns the encoded bytes and raises ValueError or OSError where it cannot; it is called from several
    threads at once. `stated_wh_px` is the size in the annotations, None where they have none.
    """

    image_id: int
    file_name: str
    read: Callable[[], bytes]
    stated_wh_px: tuple[int, int] | None
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    category_ids: np.ndarray  # int64 [n], official
    iscrowd: np.ndarray  # bool [n]
    area_px: np.ndarray  # float64 [n], NaN where unknown
    faults: tuple[Fault, ...] = ()  # objects besides, which could not be read
    labelled: bool = False  # of one class as a whole: its box is the frame, and it is seen as its EXIF data say
    share_of_image: Fraction = Fraction(1)  # of one of the data set: a tile is a part of it, an added crop is none


def unreadable(reason: str, message: str) -> Callable[[], bytes]:
    """A `read` for an image that cannot be used because of its annotations; packing counts it under `reason`."""

    def read() -> bytes:
        raise BadImageError(reason, message)

    return read


class Source(Protocol):
    """A split of a data set, whatever its format."""

    @property
    def name(self) -> str:
        """How messages call it, usually the annotation file."""
        ...

    @property
    def categories(self) -> Sequence[Category]:
        """All classes, ascending by id; the position in this list is the label."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[SourceImage]: ...


@runtime_checkable
class Remarking(Protocol):
    """A source that does more than read: it leaves out, cuts or turns something, and says how often."""

    def remarks(self) -> dict[str, int]:
        """What was done, in a few words each, and how often; nothing that packing counts itself."""
        ...


def remarks_of(source: Source) -> dict[str, int]:
    """The source's remarks; none from one that only reads."""
    return source.remarks() if isinstance(source, Remarking) else {}


def nearest(name: str, known: Iterable[str]) -> str:
    """How a message ends that refuses an unknown name: with the known name most like it, or with some of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"known: {', '.join(names[:10])}{more}"


def check_same_categories(sources: Mapping[str, Source]) -> None:
    """Refuse splits whose classes differ: a label would mean two things.

    Raises:
        ValueError: names the two splits and the first differing class.
    """
    splits = list(sources.items())
    for split, source in splits[1:]:
        first_split, first = splits[0]
        here, there = set(source.categories), set(first.categories)
        if here != there:
            odd = min(here ^ there, key=lambda category: (category.id, category.name))
            owner, other = (split, first_split) if odd in here else (first_split, split)
            raise ValueError(
                f"{source.name}: {len(here)} categories in split '{split}', {len(there)} in '{first_split}', and they "
                f"differ: id {odd.id} '{odd.name}' is in '{owner}' but not in '{other}'; use one list for all splits"
            )


def check_classes_to_tell_apart(source: Source) -> None:
    """Refuse images of one class each where there is but one class: whatever learns from them would always be right.

    Raises:
        ValueError: names the class.
    """
    if len(source.categories) > 1:
        return
    first = next(iter(source), None)
    if first is not None and first.labelled:
        raise ValueError(
            f"{source.name}: all images are of one class, '{source.categories[0].name}', so there is nothing to tell "
            "apart; add a second class, such as images of anything else"
        )
