"""A repaired copy of a data set, in COCO form, with a record of every repair. The original is never touched.

What cannot be known is not guessed: an image whose size contradicts its annotations is left out unless EXIF explains
it, images that share an id are left out, a box with a negative side is dropped, not turned. Ids are numbered anew;
classes are joined by name.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.box_faults import inside_frame
from lowres.data.doctor.class_checks import class_list
from lowres.data.doctor.copied_names import CopiedNames, split_names
from lowres.data.doctor.examine import Examination, frame_of
from lowres.data.doctor.findings import KINDS
from lowres.data.doctor.image_checks import ImageFacts
from lowres.data.doctor.loose import LooseImage, LooseSplit
from lowres.data.doctor.repaired_image import explained_by_exif, repaired_image

_WRITTEN_ANEW = frozenset(
    (
        "bad_image_id",
        "bad_annotation_id",
        "annotation_id_zero",
        "repeated_annotation_id",
        "bad_area",
        "bad_iscrowd",
        "no_stated_size",
        "bad_stated_size",
        "wrong_suffix",
    )
)
"""Findings about an image that stays, whose repair is a value; what drops or changes pixels is recorded where it is."""


def write_repaired(
    examination: Examination, out: Path, *, on_progress: Callable[[int], None] = lambda done: None
) -> list[dict[str, str]]:
    """Write `images/SPLIT/`, `annotations/instances_SPLIT.json` and `changes.json` into `out`; returns the changes.

    Raises:
        ValueError: no split has an image and a class left.
    """
    layout = examination.layout
    changes: list[dict[str, str]] = []
    categories = class_list(layout)
    written = 0
    folders = split_names([split.name for split in layout.splits])
    for number, (split, folder) in enumerate(zip(layout.splits, folders, strict=True)):
        document = {"images": [], "annotations": [], "categories": []}
        document["categories"] = [{"id": place, "name": name} for place, name in enumerate(categories, start=1)]
        names = CopiedNames()
        for index, (image, facts) in enumerate(zip(split.images, examination.facts[number], strict=True)):
            written += 1
            on_progress(written)
            why = _left_out(examination, (number, index), image, facts)
            if why:
                changes.append({"split": split.name, "what": image.place, "change": f"left out: {why}"})
                continue
            assert facts is not None
            _add(document, split, image, facts, out / "images" / folder, names, changes, categories)
        if document["images"]:
            target = out / "annotations" / f"instances_{folder}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(document, allow_nan=False))
        else:
            changes.append({"split": split.name, "what": split.origin, "change": "left out: no image is left"})
    if not (out / "annotations").is_dir() or not categories:
        raise ValueError(f"{layout.root}: nothing is left to copy (no split has a readable image and a named class)")
    for finding in examination.findings:
        kind = KINDS[finding.kind]
        if kind.repaired and (finding.image is None or finding.kind in _WRITTEN_ANEW):
            change = f"{kind.sentence}: {kind.repaired}"
            changes.append({"split": finding.split, "what": finding.place, "change": change})
    (out / "changes.json").write_text(json.dumps(changes, indent=1) + "\n")
    return changes


def _left_out(examination: Examination, place: tuple[int, int], image: LooseImage, facts: ImageFacts | None) -> str:
    """Why an image cannot be in the copy; "" if it can."""
    if facts is None:
        return "no such file"
    if not image.usable:
        return image.why_unusable
    if not facts.whole:
        return facts.faults[0][1]
    differs = image.stated_wh_px not in (None, facts.wh_px)
    if differs and not explained_by_exif(facts, image.stated_wh_px):
        return f"annotations say {image.stated_wh_px}, the file is {facts.wh_px}"
    if place in examination.duplicates.dropped:
        (split, index), kind = examination.duplicates.dropped[place]
        other = examination.layout.splits[split]
        return f"{KINDS[kind].sentence} ({other.name}: {other.images[index].place})"
    return ""


def _add(
    document: dict[str, list[Any]],
    split: LooseSplit,
    image: LooseImage,
    facts: ImageFacts,
    folder: Path,
    names: CopiedNames,
    changes: list[dict[str, str]],
    categories: list[str],
) -> None:
    """One image with its objects, into the document and onto the disk."""
    assert split.files is not None
    assert image.key is not None
    encoded, suffix, wh_px, done = repaired_image(split.files.read(image.key), facts, image.stated_wh_px)
    if done:
        changes.append({"split": split.name, "what": image.place, "change": done})
    image_id = len(document["images"]) + 1
    name = names.take(image.key, suffix, image_id)
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded)
    document["images"].append({"id": image_id, "file_name": name, "width": wh_px[0], "height": wh_px[1]})
    seen: set[tuple[Any, ...]] = set()
    for found in image.objects:

        def dropped(why: str, place: str = f"{image.place}, {found.place}") -> None:
            changes.append({"split": split.name, "what": place, "change": f"box left out: {why}"})

        label = split.categories[found.category] if found.category is not None else None
        if label is None or found.box_xyxy_px is None:
            dropped("no category" if label is None else "not four numbers")
            continue
        frame = frame_of(image, facts) or wh_px
        inside, fault = inside_frame(np.array(found.box_xyxy_px), width_px=frame[0], height_px=frame[1])
        if inside is None:
            dropped(fault)
            continue
        key = (label, *found.box_xyxy_px)
        if key in seen:
            dropped("annotated twice")
            continue
        seen.add(key)
        if fault:
            changes.append({"split": split.name, "what": f"{image.place}, {found.place}", "change": "box clipped"})
        left, top, right, bottom = inside.tolist()
        box_area = (right - left) * (bottom - top)
        document["annotations"].append(
            {
                "id": len(document["annotations"]) + 1,
                "image_id": image_id,
                "category_id": categories.index(label) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": min(found.area_px or box_area, box_area),
                "iscrowd": int(found.iscrowd),
            }
        )
