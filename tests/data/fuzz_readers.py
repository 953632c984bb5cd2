"""Damages annotation files at random and reads them: only ValueError may come out, with a message of one line.

`python -m tests.data.fuzz_readers --rounds 10000` is part of `make fuzz`; the suite runs a few hundred.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.damage import fuzz_files, run_fuzz

from lowres.data.coco import CocoSource
from lowres.data.divided import divide_by_lists
from lowres.data.recognise import recognise
from lowres.data.tt100k import Tt100kAnnotations, Tt100kSource
from lowres.data.voc import VocSource
from lowres.data.yolo import YoloSource

_COCO = {
    "images": [{"id": 1, "file_name": "1.png", "width": 4, "height": 4}, {"id": 2, "file_name": "a/2.png"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2.5, 2], "area": 4, "iscrowd": 0}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
_TT100K = {
    "types": ["pn", "pl5"],
    "imgs": {
        "1": {
            "path": "train/1.jpg",
            "id": 1,
            "objects": [{"category": "pn", "bbox": {"xmin": 1.5, "ymin": 2, "xmax": 9, "ymax": 9}}],
        }
    },
}
_XML = b"""<annotation><size><width>4</width><height>4</height></size><object><name>cat</name><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></object></annotation>"""
_YAML = b"path: .\nnames:\n  0: cat\n  1: 'dog'\nnc: 2\ntrain: images\nval: [images, 'other']\n"


def _files(root: Path) -> dict[str, tuple[bytes, Callable[[], object]]]:
    """Each file that is damaged: its sound content, and a call that reads it."""
    lines = CocoSource(root / "coco", root / "coco/sound.json")
    return {
        "coco/train.json": (
            json.dumps(_COCO).encode(),
            lambda: list(CocoSource(root / "coco", root / "coco/train.json")),
        ),
        "coco/val.txt": (b"1.png\n", lambda: divide_by_lists(lines, lists={"val": root / "coco/val.txt"})),
        "tt100k/annotations.json": (
            json.dumps(_TT100K).encode(),
            lambda: list(
                Tt100kSource(
                    root, Tt100kAnnotations(root / "tt100k/annotations.json"), folders=["train"], ids="ids.txt"
                )
            ),
        ),
        "ids.txt": (
            b"1\n",
            lambda: Tt100kSource(root, Tt100kAnnotations(root / "sound.json"), folders=["train"], ids="ids.txt"),
        ),
        "voc/Annotations/1.xml": (
            _XML,
            lambda: list(VocSource(root / "voc", prefix="", ids="ImageSets/Main/train.txt", classes=["cat", "dog"])),
        ),
        "voc/ImageSets/Main/train.txt": (
            b"1\n",
            lambda: list(VocSource(root / "voc", prefix="", ids="ImageSets/Main/train.txt", classes=["cat", "dog"])),
        ),
        "yolo/data.yaml": (
            _YAML,
            lambda: [list(YoloSource(root / "yolo", file="data.yaml", split=split)) for split in ("train", "val")],
        ),
        "yolo/labels/1.txt": (
            b"0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.2 0.1 0.2 0.2\n",
            lambda: list(YoloSource(root / "yolo", file="data.yaml", split="train")),
        ),
    }


def fuzz(root: Path, *, rounds: int, seed: int) -> Counter[str]:
    """As `fuzz_files`, with the readers of data sets; one time in five, `recognise` looks at the folder."""
    for name, content in {
        "coco/sound.json": json.dumps(_COCO).encode(),
        "sound.json": json.dumps(_TT100K).encode(),
        "yolo/images/1.png": b"x",
        "yolo/other/2.png": b"x",
        "yolo/other/2.txt": b"0 0.5 0.5 0.5 0.5",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    look = lambda name: lambda: recognise(root / name.split("/")[0])  # noqa: E731
    return fuzz_files(root, _files(root), rounds=rounds, seed=seed, other=look)


if __name__ == "__main__":
    run_fuzz(fuzz, __doc__)
