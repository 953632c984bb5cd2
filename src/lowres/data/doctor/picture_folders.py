"""Folders of pictures without boxes: one folder per class, label masks beside pictures, or pictures alone."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseImage, LooseObject, LooseSplit
from lowres.data.images import decode_grey, opened
from lowres.data.recognise_others import labelled_kinds

_FEW_LABELS = 64
_LOOKED_AT = 3


def picture_layout(files: Listing, *, refusal: str) -> Layout:
    """What a folder or archive of pictures is that is no detection data set; `refusal` is what `kind: auto` says of it.

    Raises:
        ValueError: it holds no picture, and nothing else that is known.
    """
    root, reason = files.path, refusal.removeprefix(f"{files.path}: ")
    by_folder = _by_folder(files)
    kinds = labelled_kinds(files.sizes)
    if kinds:
        file, kind = kinds[0]
        detail = f"{file} is of kind {kind}, a classification data set"
        told = f"set data.source.kind: {kind} with num_val and seed"
        layout = _plain(kind, detail, files, by_folder)
        layout.findings = [Finding("labelled_images", "all", root.name, f"{detail}: {told}")]
        return layout
    if not by_folder:
        raise ValueError(f"{root}: neither annotations nor pictures: {reason}")
    masks = {folder for folder, names in by_folder.items() if _are_masks(files, names)}
    pictures = {folder: names for folder, names in by_folder.items() if folder not in masks}
    if masks and pictures:
        detail = f"{_listed(masks)} hold label masks for {_listed(pictures)}: a segmentation data set"
        return _plain("label masks", detail, files, pictures)
    depth_two = {folder for folder in pictures if len(PurePosixPath(folder).parts) == 2}
    splits = {PurePosixPath(folder).parts[0] for folder in depth_two}
    if depth_two == set(pictures) and splits and splits <= {"train", "val", "test", "valid", "validation"}:
        layout = _classes(files, {split: _below(pictures, split) for split in sorted(splits)})
        layout.findings.append(Finding("not_recognised", "all", root.name, reason))
        return layout
    detail = f"{sum(map(len, by_folder.values()))} pictures and no annotations ({reason[:300]})"
    return _plain("pictures", detail, files, by_folder)


def class_folder_layout(root: Path) -> Layout:
    """A folder per split, in it one per class, or a folder per class alone, as `kind: auto` has recognised it."""
    files = Listing(root)
    folders = _by_folder(files)
    splits = sorted({name.split("/")[0] for name in folders if name.count("/") == 1})
    return _classes(files, {split: _below(folders, split) for split in splits} or {"train": folders})


def _below(folders: dict[str, list[str]], split: str) -> dict[str, list[str]]:
    return {folder: names for folder, names in folders.items() if str(PurePosixPath(folder).parent) == split}


def _by_folder(files: Listing) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in files.images():
        found[str(PurePosixPath(name).parent)].append(name)
    return found


def _plain(kind: str, detail: str, files: Listing, folders: dict[str, list[str]]) -> Layout:
    root = files.path
    splits = []
    for folder, names in sorted(folders.items()):
        images = [LooseImage(name, name, None) for name in names]
        splits.append(LooseSplit(folder if folder != "." else root.name, str(root / folder), images, [], files, []))
    found = [Finding("not_detection", "all", root.name, detail)]
    return Layout(kind, detail, root, splits, detection=False, findings=found)


def _classes(files: Listing, splits: dict[str, dict[str, list[str]]]) -> Layout:
    """Pictures by split and by folder, whose name is their class."""
    root = files.path
    names = sorted({PurePosixPath(folder).name for folders in splits.values() for folder in folders})
    found = []
    for split, folders in splits.items():
        images = [
            LooseImage(name, name, None, [LooseObject(name, names.index(PurePosixPath(folder).name), None)])
            for folder, members in sorted(folders.items())
            for name in members
        ]
        origin = PurePosixPath(next(iter(folders))).parent
        found.append(LooseSplit(split, str(root / origin), images, list(names), files, []))
    why = f"{_listed(splits)} hold one folder for each of {len(names)} classes: a classification data set"
    return Layout("class folders", why, root, found, detection=False, labelled=True)


def _are_masks(files: Listing, names: list[str]) -> bool:
    """Whether the first pictures look like label masks: PNG, one channel, few values."""
    return all(_is_mask(files, name) for name in names[:_LOOKED_AT])


def _is_mask(files: Listing, name: str) -> bool:
    try:
        encoded = files.read(name)
        image = opened(encoded)
        if image.format != "PNG" or image.mode not in ("L", "P", "1"):
            return False
        values = decode_grey(encoded)
    except (ValueError, OSError):
        return False
    return len(np.unique(values)) <= _FEW_LABELS


def _listed(names: Iterable[str]) -> str:
    words = sorted(names)
    return ", ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")
