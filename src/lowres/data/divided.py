"""Splits for a data set that comes without: its images divided by shares, by groups, or by lists of names.

Shares and groups are dealt in the order of a hash of (seed, name), so that an image stays on its side when others are
added. A group is what a regular expression finds in the file name, such as the scene or the video: all its images go
to one split, so that pictures that are nearly the same are not on both sides. Where each image is of one class, a split
that shares no class with train is refused: what it measures could not be learned.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lowres.data.sources import Source, SourceImage, nearest, remarks_of
from lowres.data.text_files import lines_of


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
        ValueError: an impossible share or pattern, a file name in which the pattern finds nothing, too few images or
            groups to give every part at least one, or a part of labelled images without any class of 'train'.
    """
    for split, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{split} is {share}; it is a share of the images, over 0 and under 1")
    if sum(shares.values()) >= 1:
        raise ValueError(f"{' and '.join(shares)} are {sum(shares.values()):g} together; leave some images to train")
    expression = None if pattern is None else _compiled(pattern)
    groups: dict[str, list[int]] = defaultdict(list)
    labels: list[int | None] = []
    for place, image in enumerate(source):
        groups[_group(image.file_name, expression, source.name)].append(place)
        labels.append(_label(image))
    total = sum(len(places) for places in groups.values())
    remaining = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode("utf-8", "replace")).digest())
    parts: dict[str, set[int]] = {}
    for split, share in shares.items():
        aim, taken = max(1, round(share * total)), set[int]()
        for group in list(remaining):
            missing = aim - len(taken)
            if missing <= 0:
                break
            # A group is taken where it brings the part nearer to its aim.
            if len(groups[group]) < 2 * missing:
                taken.update(groups[group])
                remaining.remove(group)
        parts[split] = taken
    parts["train"] = {place for group in remaining for place in groups[group]}
    for split, places in parts.items():
        if not places:
            what = "images" if pattern is None else f"groups, the largest of {max(map(len, groups.values()))},"
            raise ValueError(
                f"{source.name}: {total} images in {len(groups)} {what} leave '{split}' empty; change the shares"
            )
    return _parts(source, parts, labels)


def divide_by_lists(source: Source, *, lists: Mapping[str, Path]) -> dict[str, PartOf]:
    """Parts by name: those of `lists`, and 'train' with the rest.

    A list has one image per line, all in one way: by file name, by the name without folder, by that without suffix, or
    by id.

    Raises:
        ValueError: a list that cannot be read or is empty, a line that names no image or several, an image on two
            lines, no image left to train, or a part of labelled images without any class of 'train'.
    """
    names = _Names(source)
    owners: dict[int, str] = {}
    parts: dict[str, set[int]] = {}
    for split, path in lists.items():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(
                f"{path}: the list of '{split}' cannot be read: {error.strerror}; check the path"
            ) from error
        parts[split] = set()
        lines = lines_of(data, name=str(path))
        for (number, line), place in zip(lines, names.find(lines, path)):
            where = f"{path}:{number}"
            if place in owners:
                raise ValueError(f"{where}: {line!r:.60} is already at {owners[place]}; an image is in one split, once")
            owners[place] = where
            parts[split].add(place)
        if not parts[split]:
            raise ValueError(f"{path}: the list of '{split}' is empty; a split needs at least one image")
    parts["train"] = set(range(len(names))) - set(owners)
    if not parts["train"]:
        raise ValueError(f"{source.name}: the lists name all {len(names)} images; leave some to train")
    return _parts(source, parts, names.labels)


class _Names:
    """Places of images by all that a list may call them."""

    def __init__(self, source: Source) -> None:
        self._source_name = source.name
        self._ways: list[dict[str, list[int]]] = [defaultdict(list) for _ in range(4)]
        self.labels: list[int | None] = []
        for place, image in enumerate(source):
            path = PurePosixPath(image.file_name)
            for way, name in zip(self._ways, (image.file_name, path.name, path.stem, str(image.image_id))):
                way[name].append(place)
            self.labels.append(_label(image))

    def __len__(self) -> int:
        return len(self.labels)

    def find(self, lines: list[tuple[int, str]], path: Path) -> list[int]:
        """A place for each line, all read in one way: the first in which every line is an image."""
        way = max(self._ways, key=lambda way: sum(line in way for _, line in lines))
        found = []
        for number, line in lines:
            places, where = way.get(line, []), f"{path}:{number}"
            if not places:
                raise ValueError(
                    f"{where}: {line!r:.60} is no image of {self._source_name}; {nearest(line[:200], way)}"
                )
            if len(places) > 1:
                many = f"names {len(places)} images of {self._source_name}"
                raise ValueError(f"{where}: {line!r:.60} {many}; write whole file names, as in the data set")
            found.append(places[0])
        return found


def _label(image: SourceImage) -> int | None:
    """The class of an image that is of one as a whole."""
    return int(image.category_ids[0]) if image.labelled and len(image.category_ids) else None


def _parts(source: Source, parts: Mapping[str, set[int]], labels: Sequence[int | None]) -> dict[str, PartOf]:
    found = {split: {labels[place] for place in places} - {None} for split, places in parts.items()}
    for split, classes in found.items():
        if classes and not classes & found["train"]:
            raise ValueError(
                f"{source.name}: no class of '{split}' has an image left in train; divide so that classes are on both "
                "sides (where each class is a folder, the pattern '(.*)/' keeps classes together)"
            )
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
