"""Duplicates in the words of splits: which image is where else, and which of the two a repaired copy leaves out."""

from dataclasses import dataclass, field

from lowres.data.doctor.class_checks import is_train
from lowres.data.doctor.duplicates import exact_groups, near_pairs
from lowres.data.doctor.findings import Finding
from lowres.data.doctor.image_checks import ImageFacts
from lowres.data.doctor.loose import Layout

Place = tuple[int, int]  # positions of split and image


@dataclass
class Duplicates:
    """`dropped` maps an image to the one that stays and the kind of finding; `near` lists pairs for people to see."""

    findings: list[Finding] = field(default_factory=list)
    dropped: dict[Place, tuple[Place, str]] = field(default_factory=dict)
    near: list[tuple[Place, Place]] = field(default_factory=list)


def find_duplicates(layout: Layout, facts: list[list[ImageFacts | None]]) -> Duplicates:
    """All pairs worth a word. Of two splits the one that is trained on gives way, then validation, last the test."""
    found = Duplicates()
    whole = [
        ((number, index), fact)
        for number in sorted(range(len(layout.splits)), key=lambda number: _rank(layout.splits[number].name))
        for index, fact in enumerate(facts[number])
        if fact is not None and fact.looks is not None and layout.splits[number].images[index].usable
    ]
    places = [place for place, _ in whole]
    repeated: set[int] = set()
    for group in exact_groups([fact.pixel_hash for _, fact in whole]):
        first = group[0]
        for position in group[1:]:
            same_split = [other for other in group if other < position and places[other][0] == places[position][0]]
            across = places[first][0] != places[position][0]
            kind = "duplicate_across" if across and not same_split else "duplicate_within"
            _take_down(found, layout, kind, places[position], places[same_split[0] if same_split else first])
            found.dropped[places[position]] = (places[first], kind)
            repeated.add(position)
    single = [position for position in range(len(whole)) if position not in repeated]
    looks = [looks for position in single if (looks := whole[position][1].looks) is not None]
    for one, two in near_pairs(looks):
        stays, goes = places[single[one]], places[single[two]]
        found.near.append((stays, goes))
        across = stays[0] != goes[0]
        _take_down(found, layout, "near_duplicate_across" if across else "near_duplicate_within", goes, stays)
        if across and stays not in found.dropped:
            found.dropped.setdefault(goes, (stays, "near_duplicate_across"))
    return found


def _take_down(found: Duplicates, layout: Layout, kind: str, goes: Place, stays: Place) -> None:
    split, other = layout.splits[goes[0]], layout.splits[stays[0]]
    detail = f"as {other.name}: {other.images[stays[1]].place}"
    found.findings.append(Finding(kind, split.name, split.images[goes[1]].place, detail, goes[1]))


def _rank(split: str) -> int:
    """Lower stays: test, then validation, then others, last train."""
    lower = split.lower()
    if is_train(lower):
        return 3
    return 0 if "test" in lower else 1 if "val" in lower else 2
