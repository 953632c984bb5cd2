"""Splits for a data set that comes without: its images divided by shares, by groups, or by lists of names.

Shares and groups are dealt in the order of a hash of (seed, name), so that an image stays on its side when others are
added. A group is what a regular expression finds in the file name, such as the scene or the video: all its images go
to one split, so that pictures that are nearly the same are not on both sides.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from lowres.data.sources import Source, SourceImage, remarks_of


class PartOf:
    """Those images of a source whose places are in `places`."""

    def __init__(self, source: Source, places: set[int], *, split: str) -> None:
        self.name = f"{source.name} ({split})"
        self.categories = source.categories
        self._source = source
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[SourceImage]:
        """In the order of the source."""
        return (image for place, image in enumerate(self._source) if place in self._places)

    def remarks(self) -> dict[str, int]:
        """Those of the whole source: which of its images gave rise to them is not known."""
        return {f"{key} (before dividing)": count for key, count in remarks_of(self._source).items()}


def divide_by_share(
    source: Source, *, shares: Mapping[str, float], pattern: str | None, seed: int
) -> dict[str, PartOf]:
    """Parts by name: those of `shares`, and 'train' with the rest.

    `shares` are parts of the images in [0, 1), together under 1. With a `pattern`, images of which it finds the same
    in the file name form a group and stay together: what its parentheses enclose counts, or all of it where it has
    none. Groups are taken whole, so the shares are met as nearly as their sizes allow.

    Raises:
        ValueError: an impossible share or pattern, a file name in which the pattern finds nothing, or too few images
            or groups to give every part at least one.
    """
    for split, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{split} is {share}; it is a share of the images, over 0 and under 1")
    if sum(shares.values()) >= 1:
        raise ValueError(f"{' and '.join(shares)} are {sum(shares.values()):g} together; leave some images to train")
    expression = None if pattern is None else _compiled(pattern)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, image in enumerate(source):
        groups[_group(image.file_name, expression, source.name)].append(place)


def _parts(source: Source, parts: Mapping[str, set[int]]) -> dict[str, PartOf]:
    return {split: PartOf(source, places, split=split) for split, places in parts.items()}


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r:.80} is no regular expression: {error}") from error


def _group(file_name: str, pattern: re.Pattern[str] | None, source: str) -> str:
    if pattern is None:
        return file_name
    found = pattern.search(file_name)
    if not found:
        raise ValueError(
            f"{source}: pattern {pattern.pattern!r:.80} finds nothing in '{file_name}'; each image needs a group"
        )
    return "/".join(part or "" for part in found.groups()) if pattern.groups else found.group()
