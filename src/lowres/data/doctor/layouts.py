"""What lies in a folder: COCO, VOC, TT100K, class folders, label masks, or pictures alone; and why we think so.

`find_layout` is the one way in.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lowres.data.doctor.coco_reading import read_coco
from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseSplit
from lowres.data.doctor.picture_folders import picture_layout
from lowres.data.doctor.tt100k_reading import read_tt100k
from lowres.data.doctor.voc_reading import read_voc
from lowres.data.text_files import read_json_object

_OTHER_JSON = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")  # beside COCO's instances
_ENOUGH = 50  # file names that are looked up to tell whose folder it is


def find_layout(path: Path) -> Layout:
    """The data set in a folder, or of one annotation file and what lies beside it.

    Raises:
        ValueError: there is no such path, or nothing in it that could be a data set.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; give the folder of a data set")
    root = path if path.is_dir() else path.parent
    annotations = _json_layout(root, [path] if path.is_file() else _json_files(root))
    if annotations is not None:
        return annotations
    if path.is_file():
        raise ValueError(f"{path}: no annotation file that is known (COCO or TT100K JSON); give the data set's folder")
    if (root / "Annotations").is_dir() and (root / "JPEGImages").is_dir():
        return _voc(root)
    inner = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and (entry / "Annotations").is_dir()]
    if len(inner) == 1:
        return find_layout(inner[0])
    return picture_layout(root)


def _json_files(root: Path) -> list[Path]:
    folders = [root, *sorted(entry for entry in root.iterdir() if entry.is_dir())]
    files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    return [file for file in files if not file.name.startswith((".", *_OTHER_JSON))]


def _json_layout(root: Path, files: list[Path]) -> Layout | None:
    splits: list[LooseSplit] = []
    broken: list[Finding] = []
    unknown: list[Finding] = []  # JSON that may be anything, as long as other files are annotations
    kinds: dict[str, str] = {}
    listings: dict[Path, Listing] = {}
    for file in files:
        try:
            document = read_json_object(file)
        except (ValueError, OSError) as error:
            (broken if _is_meant(file) else unknown).append(
                Finding("unreadable_annotations", _split_name(file, root), file.name, str(error))
            )
            continue
        if "imgs" in document:
            names = [entry.get("path") for entry in _values(document["imgs"])]
            found = _images_of("", names, file.parent, root, listings, broken)
            splits += read_tt100k(document, origin=file, files=found)
            kinds["TT100K"] = f"{file.name} has 'types' and 'imgs'"
        elif len({"images", "annotations", "categories"} & set(document)) >= 2:
            name = _split_name(file, root)
            names = [entry.get("file_name") for entry in _values(document.get("images"))]
            found = _images_of(name, names, file.parent, root, listings, broken)
            splits.append(read_coco(document, name=name, origin=file, files=found))
            kinds["COCO"] = f"{file.name} has 'images', 'annotations', 'categories'"
    if not splits:
        broken += unknown
    if not splits and not broken:
        return None
    why = "; ".join(kinds.values()) or "JSON files that cannot be read, and no others"
    return Layout(" and ".join(kinds) or "unknown", why, root, splits, findings=broken)


def _is_meant(file: Path) -> bool:
    """Whether a name says that the file holds annotations."""
    return file.parent.name == "annotations" or any(word in file.name for word in ("instances", "annotation", "coco"))


def _values(section: object) -> list[dict[str, Any]]:
    entries = section.values() if isinstance(section, dict) else section if isinstance(section, list) else ()
    return [entry for entry in entries if isinstance(entry, dict)]


def _split_name(file: Path, root: Path) -> str:
    stem = file.stem.removeprefix("instances_")
    generic = stem.startswith(("_annotations", "annotations", "instances", "labels", "_annotation"))
    return file.parent.name if generic and file.parent not in (root, root / "annotations") else stem


def _images_of(
    split: str, names: Sequence[object], beside: Path, root: Path, listings: dict[Path, Listing], broken: list[Finding]
) -> Listing | None:
    """The place that holds the first file names; None where no place has any of them."""
    wanted = [name for name in names if isinstance(name, str)][:_ENOUGH]
    places = [
        base / part
        for base in dict.fromkeys((root, root / "images", beside, root / split))
        for part in dict.fromkeys((split, f"{split}.tar", "images", "images.tar", f"images/{split}", ""))
    ]
    best: tuple[int, Listing | None] = (0, None)
    for place in dict.fromkeys(places):
        if not place.exists():
            continue
        if place not in listings:
            try:
                listings[place] = Listing(place)
            except (ValueError, OSError) as error:
                broken.append(Finding("unreadable_archive", split or "all", place.name, str(error)))
                continue
        found = sum(listings[place].full_name(name) is not None for name in wanted)
        if found > best[0]:
            best = (found, listings[place])
        if found == len(wanted) or (found and place.name in (split, f"{split}.tar")):
            break
    return best[1]


def _voc(root: Path) -> Layout:
    files = Listing(root)
    lists = sorted((root / "ImageSets" / "Main").glob("*.txt"))
    named = {file.stem: _names(file) for file in lists}
    # CLASS_train.txt lists say which images show the class; trainval is train and val together.
    whole = {name: stems for name, stems in named.items() if "_" not in name}
    if {"train", "val", "trainval"} <= set(whole):
        del whole["trainval"]
    if not whole:
        whole = {"all": sorted(path.stem for path in (root / "Annotations").glob("*.xml"))}
    classes: list[str] = []
    splits = [read_voc(root, name=name, names=stems, files=files, classes=classes) for name, stems in whole.items()]
    for split in splits:
        split.categories = list(classes)
    return Layout("VOC", f"{root.name} has Annotations and JPEGImages; the splits are its lists", root, splits)


def _names(file: Path) -> list[str]:
    lines = file.read_bytes().decode("utf-8", "replace").splitlines()
    return [PurePosixPath(line.split()[0]).as_posix() for line in lines if line.strip()]
