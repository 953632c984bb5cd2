"""A split as its files describe it, faults included: what the readers hand to the checks.

Unlike `lowres.data.sources`, nothing is refused here. What a reader notices on the way, it puts into `findings`.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing


@dataclass(slots=True)
class LooseObject:
    """One annotated object; `place` names it in messages. `category` is a position in the split's list, or None."""

    place: str
    category: int | None
    box_xyxy_px: tuple[float, float, float, float] | None  # None where there is no box of four numbers
    iscrowd: bool = False
    area_px: float | None = None


@dataclass(slots=True)
class LooseImage:
    """One image's entry. `key` is its name in the listing; None where there is no file to look for."""

    place: str
    key: str | None
    stated_wh_px: tuple[int, int] | None
    objects: list[LooseObject] = field(default_factory=list)
    usable: bool = True  # False where the entry is beyond repair: a repaired copy leaves it out
    why_unusable: str = "its entry is beyond repair"


@dataclass
class LooseSplit:
    """One split; `categories` are names, None for one without. `files` is None where there are no images."""

    name: str
    origin: str
    images: list[LooseImage]
    categories: list[str | None]
    files: Listing | None
    findings: list[Finding]
    category_ids: list[int | None] = field(default_factory=list)  # beside `categories`, where the format has ids

    def found(self, kind: str, place: str, detail: str = "", image: int | None = None) -> None:
        """Take down a finding in this split."""
        self.findings.append(Finding(kind, self.name, place, detail, image))

    def rename(self, name: str) -> None:
        """Another name for the split and in what was found in it."""
        self.name = name
        self.findings = [replace(finding, split=name) for finding in self.findings]


@dataclass
class Layout:
    """What was recognised in a folder, and why; `detection` is False where there are no boxes to speak of.

    `labelled` says that each image is of one class as a whole: such images are turned as their EXIF data say.
    """

    kind: str
    why: str
    root: Path
    splits: list[LooseSplit]
    detection: bool = True
    labelled: bool = False
    findings: list[Finding] = field(default_factory=list)
