"""Duplicates among packed images, found with the code of `lowres doctor` from what packing has at hand anyway.

Exact ones have equal pixels. Near ones are looked for among images of 64 px or more on both sides only: below, all
photographs of a class begin to look alike, and large data sets of tiny images would cost minutes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lowres.data.doctor.duplicates import exact_groups, near_pairs
from lowres.data.doctor.looks import Looks, looks_of, pixel_digest

MIN_SIDE_PX = 64
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a packed image, some 400 bytes; `looks` is None below `MIN_SIDE_PX`."""

    file_name: str
    digest: bytes
    looks: Looks | None


def seen(file_name: str, pixels: UInt8[np.ndarray, "h w 3"]) -> Seen:
    """What is to be kept of an image."""
    large = min(pixels.shape[:2]) >= MIN_SIDE_PX
    return Seen(file_name, pixel_digest(pixels), looks_of(pixels) if large else None)


def duplicate_report(splits: Mapping[str, Sequence[Seen]]) -> dict[str, dict[str, Any]]:
    """For each split: `within` it, and `across` to each other split that shares anything.

    Each has `exact` and `near`, the numbers of images of the split that occur in the other one too (within: that
    occurred before), and `first`, a few pairs of names: of this image, and of its like.
    """
    names = list(splits)
    whole = [(split, image) for split in names for image in splits[split]]
    pairs: dict[tuple[str, str], dict[str, dict[int, int]]] = {}

    def take(kind: str, one: int, other: int) -> None:
        for goes, stays in ((other, one), (one, other)):
            key = (whole[goes][0], whole[stays][0])
            if key[0] == key[1] and goes < stays:
                continue  # of two in one split the second is the repeated one
            found = pairs.setdefault(key, {"exact": {}, "near": {}})
            if goes not in found["exact"]:
                found[kind].setdefault(goes, stays)

    repeated: set[int] = set()
    for group in exact_groups([image.digest for _, image in whole]):
        firsts: dict[str, int] = {}
        for place in group:
            for first in firsts.values():
                take("exact", first, place)
            firsts.setdefault(whole[place][0], place)
        repeated.update(group[1:])
    large = [place for place, (_, image) in enumerate(whole) if image.looks is not None and place not in repeated]
    looks = [looks for place in large if (looks := whole[place][1].looks) is not None]
    for one, other in near_pairs(looks):
        take("near", large[one], large[other])

    def told(split: str, other: str) -> dict[str, Any]:
        found = pairs.get((split, other), {"exact": {}, "near": {}})
        first = [*found["exact"].items(), *found["near"].items()][:_NAMED]
        return {
            "exact": len(found["exact"]),
            "near": len(found["near"]),
            "first": [[whole[goes][1].file_name, whole[stays][1].file_name] for goes, stays in first],
        }

    return {
        split: {
            "within": told(split, split),
            "across": {other: told(split, other) for other in names if other != split and (split, other) in pairs},
        }
        for split in names
    }


def across_line(report: Mapping[str, Mapping[str, Any]], order: Iterable[str]) -> str | None:
    """One line about what splits share, each pair of splits once; None where they share nothing."""
    words, done = [], []
    for split in order:
        for other, told in report[split]["across"].items():
            if other not in done:
                example = " is ".join(told["first"][0])
                words.append(f"{split} and {other} {told['exact']} exactly, {told['near']} nearly (first: {example})")
        done.append(split)
    if not words:
        return None
    return f"warning: splits share images, which makes measured accuracy untrue: {'; '.join(words)}"


def check_no_leak(splits: Mapping[str, Sequence[Seen]], *, allowed: float) -> None:
    """Refuse a split of which more than the share `allowed`, or half, are exact copies of images of earlier splits.

    Splits come in the order in which a model meets them: train, val, test. What is measured on images that it learned
    from, or was chosen by, is untrue, so that of two splits the later one counts.

    Raises:
        ValueError: one line with the split, how many of its images, of which splits, the first, and what to do.
    """
    met: dict[bytes, tuple[str, str]] = {}  # digest -> split and name of the first image that has it
    for split, images in splits.items():
        copies = [(image.file_name, *met[image.digest]) for image in images if image.digest in met]
        if copies and (len(copies) > allowed * len(images) or 2 * len(copies) >= len(images)):
            others = " and ".join(dict.fromkeys(other for _, other, _ in copies))
            raise ValueError(
                f"{split}: {len(copies)} of {len(images)} images are exact copies of images of {others} (first: "
                f"{copies[0][0]} is {copies[0][2]}), max_bad_fraction allows {allowed:g}; what is measured on them is "
                "untrue: divide the data anew (data.source.kind: divided, by group where scenes repeat), remove the "
                "copies that `lowres doctor` lists, or raise max_bad_fraction knowingly, up to half of a split"
            )
        for image in images:
            met.setdefault(image.digest, (split, image.file_name))
