"""What lies in a place that `kind: auto` refuses: annotations with faults, without images, or none at all."""

from pathlib import Path

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout
from lowres.data.doctor.loose_json import JsonArchive, JsonFolder, json_layout
from lowres.data.doctor.picture_folders import picture_layout
from lowres.data.doctor.voc_reading import read_voc, voc_lists
from lowres.data.doctor.yolo_reading import read_yolo
from lowres.data.recognise_others import VOC_ANNOTATION
from lowres.data.recognised import ARCHIVES
from lowres.data.yolo import read_data_yaml
from lowres.data.yolo_yaml import split_keys


def layout_of_file(path: Path) -> Layout:
    """The data set of one annotation file and the images that lie beside it.

    Raises:
        ValueError: it is no annotation file that is known.
    """
    layout = json_layout(JsonFolder(path.parent), [path]) if path.suffix.lower() == ".json" else None
    if layout is None:
        raise ValueError(f"{path}: no annotation file that is known (COCO or TT100K JSON); give the data set's folder")
    return layout


def loose_layout(root: Path, *, refusal: str) -> Layout:
    """What lies in a folder or archive, or in a folder's one archive, that `kind: auto` refuses, with its words.

    Raises:
        ValueError: nothing that could be a data set.
    """
    inside = list(root.iterdir()) if root.is_dir() else []
    if len(inside) == 1 and inside[0].is_file() and inside[0].suffix.lower() in ARCHIVES:
        return loose_layout(inside[0], refusal=refusal)
    files = None if root.is_dir() else _listing(root)
    if files is None and root.is_file():
        found = Finding("unreadable_archive", "all", root.name, refusal)
        return Layout("unknown", "an archive that cannot be read", root, [], findings=[found])
    place = JsonFolder(root) if files is None else JsonArchive(files)
    layout = json_layout(place, place.json_files())
    if layout is None:
        files = files or Listing(root)
        layout = _voc(files) or _yolo(files)
        if layout is None:
            return picture_layout(files, refusal=refusal)
    reason = refusal.removeprefix(f"{root}: ")
    layout.findings.insert(0, Finding("not_recognised", "all", root.name, reason))
    return layout


def _listing(path: Path) -> Listing | None:
    try:
        return Listing(path)
    except (ValueError, OSError):
        return None


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
