"""prepare: a data source becomes checked, packed splits."""

import tempfile
from pathlib import Path
from typing import Any

from lowres.config import data as config
from lowres.config.data import Data
from lowres.data.cifar10 import Cifar10Binary
from lowres.data.class_folders import ClassFolders
from lowres.data.coco import CocoSource
from lowres.data.image_mosaics import ImageMosaics
from lowres.data.object_crops import ObjectCrops
from lowres.data.pack import pack_split
from lowres.data.profile import profile_split
from lowres.data.signs import render_signs
from lowres.data.sources import Source, check_same_categories
from lowres.data.svhn import SvhnCropped
from lowres.data.transforms import Resize
from lowres.data.voc import VocSource
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.progress import counting

SPLITS = ("train", "val", "test")


def run(data: Data, *, out_data: Path) -> dict[str, Any]:
    """Pack the source's splits into `out_data`, with `profile.json` and `check.json` beside them.

    A source without a test split gets its validation split as test, and the check report says so.
    """
    with (
        whole_folder(out_data) as folder,
        tempfile.TemporaryDirectory(dir=out_data.parent, prefix=".render-") as scratch,
    ):
        sources = _sources(data, Path(scratch))
        check_same_categories(sources)
        report: dict[str, Any] = {}
        for split, source in sources.items():
            with counting(f"pack {split}", len(source)) as step:
                report[split] = pack_split(
                    source,
                    folder / split,
                    shard_bytes=data.shard_mb * 1_000_000,
                    max_bad_fraction=data.max_bad_fraction,
                    min_side_px=data.min_side_px,
                    on_progress=step,
                )
        resize = Resize(**data.input.model_dump(exclude={"canvas_multiple_px"}))
        profile = {split: profile_split(folder / split, input_scale=resize.scale) for split in sources}
        write_json(folder / "check.json", report)
        write_json(folder / "profile.json", profile)
    return {split: {"images": part["read"], "boxes": part["boxes"]["kept"]} for split, part in report.items()}


def _sources(data: Data, scratch: Path) -> dict[str, Source]:
    source = data.source
    if isinstance(source, config.SignsSource):
        return _signs(source, scratch)
    if isinstance(source, config.SignCropsSource):
        options = source.model_dump(include={"min_side_px", "margin_fraction", "side_px"})
        return {split: ObjectCrops(whole, **options) for split, whole in _signs(source.signs, scratch).items()}
    root = Path(source.root)
    if not root.exists():
        raise ValueError(f"data.source.root: {source.root!r} does not exist; set it to the folder with your data")
    if isinstance(source, config.VocSource):
        settings = {"prefix": source.prefix, "classes": source.classes}
        return {split: VocSource(root, ids=part.ids, **settings) for split, part in _parts(source)}
    if isinstance(source, config.CocoSource):
        return {split: CocoSource(root / part.images, root / part.annotations) for split, part in _parts(source)}
    if isinstance(source, config.FolderSource):
        folders = {"train": "train", "val": "val", "test": "test" if (root / "test").is_dir() else "val"}
        return {split: ClassFolders(root, split=folder) for split, folder in folders.items()}
    kind = _HELD_OUT[source.kind]
    return {split: kind(root, split=split, num_val=source.num_val, seed=source.seed) for split in SPLITS}


_HELD_OUT = {"cifar10": Cifar10Binary, "mosaics": ImageMosaics, "svhn": SvhnCropped}


def _signs(source: config.SignsSource, scratch: Path) -> dict[str, Source]:
    with counting("render signs", source.num_train + source.num_val + source.num_test) as step:
        render_signs(scratch, **source.model_dump(exclude={"kind"}), on_progress=step)
    return {s: CocoSource(scratch / "images" / s, scratch / "annotations" / f"instances_{s}.json") for s in SPLITS}


def _parts(source: config.CocoSource | config.VocSource) -> list[tuple[str, Any]]:
    return [("train", source.train), ("val", source.val), ("test", source.test or source.val)]
