"""Names to sources: the settings of `data.source` become the splits that they describe."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lowres.data.balanced import BalancedClasses
from lowres.data.chosen_classes import ChosenClasses
from lowres.data.cifar10 import Cifar10Binary
from lowres.data.class_folders import class_folder_splits
from lowres.data.coco import CocoSource
from lowres.data.divided import divide_by_lists, divide_by_share
from lowres.data.image_mosaics import ImageMosaics
from lowres.data.measured_classes import MeasuredClasses
from lowres.data.object_crops import ObjectCrops
from lowres.data.recognise import recognise
from lowres.data.signs import render_signs
from lowres.data.sources import Source
from lowres.data.svhn import SvhnCropped
from lowres.data.tiles import Tiles
from lowres.data.transforms import Colour
from lowres.data.tt100k import Tt100kAnnotations, Tt100kSource
from lowres.data.voc import VocSource
from lowres.data.yolo import yolo_splits
from lowres.tt100k_classes import CLASSES_45

SPLITS = ("train", "val", "test")

Settings = Mapping[str, Any]
Counting = Callable[[str, int], AbstractContextManager[Callable[..., None]]]


def build_splits(
    settings: Settings, *, scratch: Path, counting: Counting, say: Callable[[str], None] = lambda line: None
) -> dict[str, Source]:
    """Train, val and test of a source; val stands in for a test that it does not have.

    `scratch` is a folder for what is rendered, `counting` makes a progress, `say` gets lines for the user.

    Raises:
        ValueError: what the source is made from is missing or faulty, or it has no train or val.
    """
    splits = _Builder(scratch, counting, say).splits(settings)
    for split in ("train", "val"):
        if split not in splits:
            raise ValueError(
                f"data.source: has no split '{split}', only {' and '.join(splits)}; "
                "kind: divided takes splits out of train by shares, groups or lists"
            )
    return {split: splits.get(split, splits["val"]) for split in SPLITS}


class _Builder:
    """Builds sources out of sources; a source has those splits that its data set comes with."""

    def __init__(self, scratch: Path, counting: Counting, say: Callable[[str], None]) -> None:
        self._scratch = scratch
        self._counting = counting
        self._say = say
        self._plain = {
            "coco": _coco,
            "voc": _voc,
            "yolo": lambda root, settings: yolo_splits(root, file=settings["file"]),
            "tt100k": _tt100k,
            "auto": self._auto,
            "class_folders": lambda root, settings: {**class_folder_splits(root)},
            "cifar10": _holding_out(Cifar10Binary),
            "mosaics": _holding_out(ImageMosaics),
            "svhn": _holding_out(SvhnCropped),
        }
        self._made = {
            "signs": self._signs,
            "sign_crops": self._sign_crops,
            "chosen": self._chosen,
            "divided": self._divided,
            "tiled": self._tiled,
            "balanced": self._balanced,
        }

    def splits(self, settings: Settings) -> dict[str, Source]:
        if settings["kind"] in self._made:
            return self._made[settings["kind"]](settings)
        root = Path(settings["root"])
        if not root.exists():
            got = settings["root"]
            raise ValueError(f"data.source.root: {got!r} does not exist; set it to the folder with your data")
        return self._plain[settings["kind"]](root, settings)

    def _auto(self, root: Path, settings: Settings) -> dict[str, Source]:
        found = recognise(root)
        for line in found.lines():
            self._say(line)
        return self.splits(found.settings)

    def _signs(self, settings: Settings) -> dict[str, Source]:
        options = {key: value for key, value in settings.items() if key != "kind"}
        with self._counting("render signs", sum(settings[f"num_{split}"] for split in SPLITS)) as step:
            render_signs(self._scratch, **options, on_progress=step)
        images, annotations = self._scratch / "images", self._scratch / "annotations"
        return {split: CocoSource(images / split, annotations / f"instances_{split}.json") for split in SPLITS}

    def _sign_crops(self, settings: Settings) -> dict[str, Source]:
        options = {key: settings[key] for key in ("min_side_px", "margin_fraction", "side_px")}
        return {split: ObjectCrops(whole, **options) for split, whole in self._signs(settings["signs"]).items()}

    def _chosen(self, settings: Settings) -> dict[str, Source]:
        options = {key: settings[key] for key in ("classes", "rename", "keep_emptied")}
        return {split: ChosenClasses(whole, **options) for split, whole in self.splits(settings["of"]).items()}

    def _divided(self, settings: Settings) -> dict[str, Source]:
        whole, by = self.splits(settings["of"]), settings["by"]
        asked = {split: by[split] for split in ("test", "val") if by[split] is not None}
        for split in asked:
            if split in whole:
                raise ValueError(f"data.source.by.{split}: the source has this split already; write null")
        train = _part(whole, "train", "divided")
        if by["kind"] == "list":
            parts = divide_by_lists(train, lists={split: Path(path) for split, path in asked.items()})
        else:
            parts = divide_by_share(train, shares=asked, pattern=by.get("pattern"), seed=by["seed"])
        measured = _measured_names(settings["of"])
        filtered = {} if measured is None else {split: MeasuredClasses(parts[split], measured) for split in asked}
        return {**whole, **parts, **filtered}

    def _tiled(self, settings: Settings) -> dict[str, Source]:
        whole = self.splits(settings["of"])
        names = ("tile_px", "overlap_px", "min_visibility", "empty_fraction", "jpeg_quality")
        options = {key: settings[key] for key in names}
        return {**whole, **{s: Tiles(_part(whole, s, "tiled"), **options) for s in dict.fromkeys(settings["splits"])}}

    def _balanced(self, settings: Settings) -> dict[str, Source]:
        whole = self.splits(settings["of"])
        names = ("instances_per_class", "crops_per_object", "crop_px", "min_visibility", "jpeg_quality", "seed")
        colour = Colour(**{key: settings[key] for key in ("brightness", "contrast", "saturation", "hue")})
        options = {key: settings[key] for key in names}
        return {**whole, "train": BalancedClasses(_part(whole, "train", "balanced"), colour=colour, **options)}


def _part(splits: Mapping[str, Source], split: str, what: str) -> Source:
    if split not in splits:
        raise ValueError(f"data.source: {what}: the source has no split '{split}', only {' and '.join(splits)}")
    return splits[split]


def _given(settings: Settings) -> list[tuple[str, Settings]]:
    return [(split, settings[split]) for split in SPLITS if settings[split] is not None]


def _coco(root: Path, settings: Settings) -> dict[str, Source]:
    return {s: CocoSource(root / part["images"], root / part["annotations"]) for s, part in _given(settings)}


def _voc(root: Path, settings: Settings) -> dict[str, Source]:
    options = {key: settings[key] for key in ("prefix", "classes")}
    return {split: VocSource(root, ids=part["ids"], **options) for split, part in _given(settings)}


_TT100K_CLASSES = {"all": None, 45: CLASSES_45}


def _measured_names(settings: Settings) -> set[str] | None:
    """Names of the classes whose objects a source's splits for measuring keep; None for all."""
    if settings["kind"] == "tt100k":
        names = _TT100K_CLASSES[settings["measured_classes"]]
        return None if names is None else set(names)
    measured = _measured_names(settings["of"]) if "of" in settings else None
    if measured is None or settings["kind"] != "chosen":
        return measured
    chosen = measured if settings["classes"] is None else measured & set(settings["classes"])
    return {settings["rename"].get(name, name) for name in chosen}


def _tt100k(root: Path, settings: Settings) -> dict[str, Source]:
    annotations = Tt100kAnnotations(root / settings["annotations"])
    return {
        split: Tt100kSource(
            root,
            annotations,
            classes=_TT100K_CLASSES[settings["train_classes"]],
            measured=None if split == "train" else _TT100K_CLASSES[settings["measured_classes"]],
            **part,
        )
        for split, part in _given(settings)
    }


def _holding_out(kind: type) -> Callable[[Path, Settings], dict[str, Source]]:
    return lambda root, settings: {
        split: kind(root, split=split, num_val=settings["num_val"], seed=settings["seed"]) for split in SPLITS
    }
