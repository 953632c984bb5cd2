"""What lies in a folder or archive, recognised by the code of `kind: auto`; `find_layout` is the one way in.

What `kind: auto` refuses, the doctor still examines as far as it can (`loose_layouts`), and says with what words it is
refused. Two layouts in one place are refused here, too.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowres.data.compressed_tars import compressed_tar_refusal, named_compressed_tar
from lowres.data.doctor.coco_reading import read_coco
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseSplit
from lowres.data.doctor.loose_layouts import layout_of_file, loose_layout
from lowres.data.doctor.picture_folders import class_folder_layout
from lowres.data.doctor.tt100k_reading import read_tt100k
from lowres.data.doctor.voc_reading import read_voc
from lowres.data.doctor.yolo_reading import read_yolo
from lowres.data.recognise import Recognised, SeveralLayoutsError, recognise
from lowres.data.recognised import ARCHIVES
from lowres.data.text_files import read_json_object
from lowres.data.yolo import read_data_yaml

_NAMES = {"coco": "COCO", "voc": "VOC", "yolo": "YOLO", "tt100k": "TT100K"}


def find_layout(path: Path) -> Layout:
    """The data set in a folder or archive, or of one annotation file and what lies beside it.

    Raises:
        ValueError: there is no such path, nothing in it that could be a data set, or more than one.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; give the folder or archive of a data set")
    if path.is_file() and path.suffix.lower() not in ARCHIVES:
        refusal = compressed_tar_refusal(path) if named_compressed_tar(path.name) else None
        if refusal is not None:
            raise ValueError(refusal)
        return layout_of_file(path)
    try:
        found = recognise(path)
    except SeveralLayoutsError:
        raise
    except ValueError as error:
        return loose_layout(path, refusal=str(error))
    kind, root = found.settings["kind"], Path(found.settings["root"])
    if kind == "class_folders":
        return class_folder_layout(root)
    return Layout(_NAMES[kind], _why(path, found), path, _READERS[kind](root, found.settings))


def _why(path: Path, found: Recognised) -> str:
    root = Path(found.settings["root"])
    return found.why if root == path else f"in {root.name}: {found.why}"


def _coco(root: Path, settings: Mapping[str, Any]) -> list[LooseSplit]:
    splits = []
    listings: dict[str, Listing] = {}
    archive = Listing(root) if root.is_file() else None
    for name, part in settings.items():
        if name not in ("train", "val", "test") or part is None:
            continue
        images, annotations = part["images"], root / part["annotations"]
        if images not in listings:
            listings[images] = Listing(root / images) if archive is None else archive.below(images)
        document = read_json_object(annotations)
        splits.append(read_coco(document, name=name, origin=annotations, files=listings[images]))
    return splits


def _voc(root: Path, settings: Mapping[str, Any]) -> list[LooseSplit]:
    parts = {name: settings[name] for name in ("train", "val", "test")}
    lists = {name: f"{settings['prefix']}{part['ids']}" for name, part in parts.items() if part is not None}
    return read_voc(Listing(root), prefix=settings["prefix"], lists=lists)


def _yolo(root: Path, settings: Mapping[str, Any]) -> list[LooseSplit]:
    files = Listing(root)
    document = read_data_yaml(files.files, settings["file"], settings["file"])
    return read_yolo(document, file=settings["file"], files=files)


def _tt100k(root: Path, settings: Mapping[str, Any]) -> list[LooseSplit]:
    origin, files = root / settings["annotations"], Listing(root)
    document = read_json_object(origin)
    paths = [image.get("path") for image in document["imgs"].values() if isinstance(image, dict)]
    present = any(isinstance(path, str) and files.full_name(path) for path in paths)
    return read_tt100k(document, origin=origin, files=files if present else None)


_READERS: dict[str, Callable[[Path, Mapping[str, Any]], list[LooseSplit]]] = {
    "coco": _coco,
    "voc": _voc,
    "yolo": _yolo,
    "tt100k": _tt100k,
}
