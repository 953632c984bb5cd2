"""What lies in a place that `kind: auto` refuses: annotations with faults, without images, or none at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lowres.data.doctor.coco_reading import read_coco
from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseSplit
from lowres.data.doctor.picture_folders import picture_layout
from lowres.data.doctor.tt100k_reading import read_tt100k
from lowres.data.doctor.voc_reading import read_voc, voc_lists
from lowres.data.doctor.yolo_reading import read_yolo
from lowres.data.recognise_others import VOC_ANNOTATION
from lowres.data.text_files import read_json_object
from lowres.data.yolo import read_data_yaml
from lowres.data.yolo_yaml import split_keys

_OTHER_JSON = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")  # beside COCO's instances
_ENOUGH = 50  # file names that are looked up to tell whose folder it is


def layout_of_file(path: Path) -> Layout:
    """The data set of one annotation file and the images that lie beside it.

    Raises:
        ValueError: it is no annotation file that is known.
    """
    layout = _json_layout(path.parent, [path]) if path.suffix.lower() == ".json" else None
    if layout is None:
        raise ValueError(f"{path}: no annotation file that is known (COCO or TT100K JSON); give the data set's folder")
    return layout


def loose_layout(root: Path, *, refusal: str) -> Layout:
    """What lies in a folder or archive that `kind: auto` refuses, with its words.

    Raises:
        ValueError: nothing that could be a data set.
    """
    files = None if root.is_dir() else _listing(root)
    if files is None and root.is_file():
        found = Finding("unreadable_archive", "all", root.name, refusal)
        return Layout("unknown", "an archive that cannot be read", root, [], findings=[found])
    layout = None
    if root.is_dir():
        layout = _json_layout(root, _json_files(root))
        files = Listing(root) if layout is None else None
    if layout is None and files is not None:
        layout = _voc(files) or _yolo(files)
    if layout is None and files is not None:
        return picture_layout(files, refusal=refusal)
    assert layout is not None
    reason = refusal.removeprefix(f"{root}: ")
    layout.findings.insert(0, Finding("not_recognised", "all", root.name, reason))
    return layout


def _listing(path: Path) -> Listing | None:
    try:
        return Listing(path)
    except (ValueError, OSError):
        return None


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


def _voc(files: Listing) -> Layout | None:
    prefixes = {match["prefix"] for name in files.sizes if (match := VOC_ANNOTATION.fullmatch(name))}
    if len(prefixes) != 1:
        return None
    prefix = prefixes.pop()
    lists: dict[str, str | None] = dict(voc_lists(files, prefix)) or {"all": None}
    splits = read_voc(files, prefix=prefix, lists=lists)
    return Layout("VOC", f"{prefix}Annotations has XML; the splits are {', '.join(lists)}", files.path, splits)


def _yolo(files: Listing) -> Layout | None:
    for name in files.sizes:
        if not name.lower().endswith((".yaml", ".yml")) or name.count("/") > 2:
            continue
        try:
            document = read_data_yaml(files.files, name, name)
        except ValueError:
            continue  # the refusal tells
        if "names" in document and split_keys(document):
            splits = read_yolo(document, file=name, files=files)
            return Layout("YOLO", f"{name} has names, {', '.join(split_keys(document).values())}", files.path, splits)
    return None
