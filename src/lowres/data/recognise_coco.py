"""Finds COCO instances: JSON files with images, annotations and categories, and where their images lie."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from lowres.data.image_files import open_images
from lowres.data.recognised import OTHER_JSON, Found, Place, says_annotations, split_in_name

_MAX_FILES = 50


def find_coco(place: Place) -> list[Found]:
    """At most one find; JSON files that cannot be read are noted.

    Raises:
        ValueError: two files for one split, or one that is damaged, or images of a split that are nowhere or in several
            places.
    """
    candidates: dict[str, list[str]] = {}  # file -> some of its images' names
    damaged: dict[str, str] = {}  # file -> why it is none, although it should be
    names = place.top_names(".json")
    if len(names) > _MAX_FILES:
        place.notes.append(f"{len(names)} JSON files, over {_MAX_FILES}: not looked into")
        return []
    for name in names:
        try:
            document = place.json(name)
        except ValueError as error:
            place.notes.append(str(error))
            if says_annotations(name):
                damaged[name] = str(error)
            continue
        sample, fault = _sample(document), _fault(document)
        if sample:
            candidates[name] = sample
        elif fault and not PurePosixPath(name).name.startswith(OTHER_JSON):
            place.notes.append(f"{place.root}/{name}: {fault}")
            damaged[name] = place.notes[-1]
    if not candidates:
        return []
    by_split: dict[str, list[str]] = {}
    for name in candidates:
        by_split.setdefault(split_in_name(name) or ("train" if len(candidates) == 1 else ""), []).append(name)
    for name, why in damaged.items():
        if (split := split_in_name(name)) is not None and split not in by_split:
            # Left out, it would be a data set that has no such split, or another for it.
            raise ValueError(f"{why}; it seems to be the annotations of '{split}': mend or remove it")
    if "" in by_split:
        raise ValueError(
            f"{place.root}: {by_split[''][0]} is COCO, but neither its name nor its folder says train, val or test, "
            "and there are others; set data.source.kind: coco and the files of each split"
        )
    if "train" not in by_split:
        place.notes.append(f"{', '.join(candidates)} is COCO, but none is for train")
        return []
    settings: dict[str, Any] = {"kind": "coco", "root": str(place.root), "train": None, "val": None, "test": None}
    reasons = []
    for split in ("train", "val", "test"):
        if split in by_split:
            file = _the_one(place, split, by_split[split])
            images = _images_of(place, file, candidates[file], split)
            settings[split] = {"images": images, "annotations": file}
            reasons.append(f"{file} has images, annotations and categories, its images lie in {images}")
    uses = frozenset(settings[split]["images"] for split in by_split)
    return [Found(settings, "; ".join(reasons), uses)]


def _sample(document: dict[str, Any]) -> list[str]:
    """Names of the first, middle and last image of COCO instances; empty for all else."""
    images, objects, categories = (document.get(key) for key in ("images", "annotations", "categories"))
    if not (isinstance(images, list) and isinstance(objects, list) and isinstance(categories, list) and images):
        return []
    if objects and not (isinstance(objects[0], dict) and {"bbox", "category_id"} <= objects[0].keys()):
        return []
    chosen = [images[0], images[len(images) // 2], images[-1]]
    names = [image.get("file_name") for image in chosen if isinstance(image, dict)]
    return [name for name in names if isinstance(name, str) and name]


def _fault(document: dict[str, Any]) -> str:
    """Why what has at least two sections of COCO instances is none."""
    sections = ("images", "annotations", "categories")
    if sum(section in document for section in sections) < 2:
        return ""
    for section in sections:
        if not isinstance(document.get(section), list):
            return f"has no list {section!r}"
    if not document["images"]:
        return "lists no images"
    return "its first annotation has no bbox or category_id, or its images have no names"


def _the_one(place: Place, split: str, files: list[str]) -> str:
    if len(files) == 1:
        return files[0]
    # Beside its instances COCO has person_keypoints, which look alike.
    instances = [file for file in files if PurePosixPath(file).name.startswith("instances")]
    if len(instances) == 1:
        return instances[0]
    raise ValueError(
        f"{place.root}: {' and '.join(files)} are both COCO for '{split}'; set data.source.kind: coco and the file of "
        "each split"
    )


def _images_of(place: Place, file: str, sample: list[str], split: str) -> str:
    # One image that is missing does not make a data set unknown: packing refuses it and says so.
    having = Counter(folder for name in sample for folder in _folders_of(place, name))
    for archive in place.archives(folders_deep=1):
        files = open_images(place.root / archive)
        for name in sample:
            try:
                files.head(name, 1)
            except (ValueError, OSError):
                continue
            having[archive] += 1
    found = sorted(name for name, count in having.items() if count == max(having.values()))
    if len(found) > 1:
        near = [path for path in found if split_in_name(path) == split or path == str(PurePosixPath(file).parent)]
        found = near if len(near) == 1 else found
    if len(found) == 1:
        return found[0]
    compressed = place.compressed_tars()
    if not found and compressed:
        raise ValueError(f"{place.root}: the images of {file} are in no folder and no archive; {compressed[0]}")
    where = f"lie in {', '.join(found)}" if found else "are in no folder and no archive"
    raise ValueError(
        f"{place.root}: the images of {file} ({', '.join(dict.fromkeys(sample))[:120]}) {where}; "
        f"{'set data.source.kind: coco and the images of each split' if found else 'put them into a folder beside it'}"
    )


def _folders_of(place: Place, image: str) -> set[str]:
    tail = f"/{image}"
    found = {name[: -len(tail)] for name in place.names if name.endswith(tail)}
    return found | ({"."} if image in place.name_set else set())
