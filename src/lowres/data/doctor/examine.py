"""All checks of one data set, in one pass over its images."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowres.data.doctor.box_checks import box_fault
from lowres.data.doctor.box_conventions import convention_findings
from lowres.data.doctor.class_checks import class_counts, class_findings
from lowres.data.doctor.file_checks import file_findings
from lowres.data.doctor.findings import Finding
from lowres.data.doctor.image_checks import ImageFacts
from lowres.data.doctor.image_pass import examine_images
from lowres.data.doctor.leaks import Duplicates, find_duplicates
from lowres.data.doctor.loose import Layout, LooseImage
from lowres.data.object_sizes import SHRINK_RATIOS, size_summary
from lowres.data.pack import MAX_PIXELS


@dataclass
class Examination:
    """What is known of a data set after the pass; lists go by split and image, as in the layout."""

    layout: Layout
    facts: list[list[ImageFacts | None]]
    findings: list[Finding]
    duplicates: Duplicates
    classes: dict[str, dict[str, int]]
    sizes_px: dict[str, np.ndarray]  # by split: sqrt(width * height) of each sound box, in stored pixels
    seconds: float

    @property
    def num_read(self) -> int:
        """Images that were opened."""
        return sum(fact is not None for split in self.facts for fact in split)


def examine(
    layout: Layout,
    *,
    min_side_px: int = 1,
    max_pixels: float = MAX_PIXELS,
    threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Examination:
    """Check everything; nothing is written, and nothing that the data hold raises."""
    began = time.monotonic()
    facts = examine_images(
        layout, min_side_px=min_side_px, max_pixels=max_pixels, threads=threads, on_progress=on_progress
    )
    findings = [*layout.findings]
    sizes: dict[str, np.ndarray] = {}
    for split, its_facts in zip(layout.splits, facts, strict=True):
        findings += split.findings
        frames = [frame_of(image, fact) for image, fact in zip(split.images, its_facts, strict=True)]
        findings += convention_findings(layout, split, frames)
        found: list[float] = []
        for index, (image, frame) in enumerate(zip(split.images, frames)):
            for entry in image.objects:
                fault = box_fault(entry, frame)
                if fault is not None:
                    findings.append(Finding(fault[0], split.name, f"{image.place}, {entry.place}", fault[1], index))
                if entry.box_xyxy_px is not None and (fault is None or fault[0] == "box_out_of_frame"):
                    left, top, right, bottom = entry.box_xyxy_px
                    found.append(((right - left) * (bottom - top)) ** 0.5)
        sizes[split.name] = np.array(found)
    findings += file_findings(layout, facts)
    classes = class_counts(layout)
    findings += class_findings(layout, classes)
    duplicates = find_duplicates(layout, facts)
    findings += duplicates.findings
    return Examination(layout, facts, findings, duplicates, classes, sizes, time.monotonic() - began)


def frame_of(image: LooseImage, fact: ImageFacts | None) -> tuple[int, int] | None:
    """The frame that boxes refer to: the stated size, or else the file's."""
    return image.stated_wh_px or (fact.wh_px if fact is not None else None)


def size_shares(examination: Examination) -> dict[str, dict[str, Any]]:
    """By split and ratio ("1x", "2x", "4x"): quantiles of object sizes and the shares below 8, 4 and 2 px."""
    return {
        name: {f"{ratio}x": size_summary(sizes / ratio) for ratio in SHRINK_RATIOS}
        for name, sizes in examination.sizes_px.items()
    }
