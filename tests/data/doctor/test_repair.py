import json

import pytest
from tests.data.doctor.corpus import Planted, encoded, picture

from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout
from lowres.data.doctor.repair import write_repaired

ESCAPING = [r"a\..\..\..\..\..\x.png", r"b\..\y.png", r"\z.png"]


def yolo(root):
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(ESCAPING):
        (root / "images" / name).write_bytes(encoded(picture(number)))
        (root / "labels" / name).with_suffix(".txt").write_text("0 0.5 0.5 0.25 0.25\n")
    (root / "data.yaml").write_text("names: [cat]\ntrain: images\n")


def tt100k(root):
    (root / "train").mkdir(parents=True)
    imgs = {}
    for number, name in enumerate(ESCAPING, start=1):
        (root / "train" / name).write_bytes(encoded(picture(number)))
        objects = [{"category": "pn", "bbox": {"xmin": 1, "ymin": 2, "xmax": 9, "ymax": 9}}]
        imgs[str(number)] = {"path": f"train/{name}", "id": number, "objects": objects}
    (root / "annotations.json").write_text(json.dumps({"types": ["pn"], "imgs": imgs}))


def repaired(root, out):
    write_repaired(examine(find_layout(root), threads=1), out)
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))


@pytest.mark.parametrize(("write", "folder"), [(yolo, "images"), (tt100k, "train")])
def test_names_with_backslashes_stay_inside_the_copy(write, folder, tmp_path):
    root, out = tmp_path / "data", tmp_path / "a/b/c/d/e/f/copy"
    write(root)
    before = sorted(tmp_path.rglob("*"))
    assert repaired(root, out) == [f"images/train/{folder}/{name}" for name in ("a/x.png", "b/y.png", "z.png")]
    outside = [path for path in sorted(tmp_path.rglob("*")) if out not in path.parents and path not in out.parents]
    assert [path for path in outside if path != out] == before
    document = json.loads((out / "annotations/instances_train.json").read_text())
    assert len(document["images"]) == len(document["annotations"]) == 3


def test_no_image_is_overwritten_by_another_that_gets_a_new_name(tmp_path):
    data = Planted(tmp_path / "data")
    for name in ("9-1.png", "1.png", "1.jpg"):  # a PNG named 1.jpg, the ninth, cannot be 1.png, nor 9-1.png
        data.add(name=name)
    assert len(repaired(data.write(), tmp_path / "copy")) == 13
    document = json.loads((tmp_path / "copy/annotations/instances_train.json").read_text())
    names = [entry["file_name"] for entry in document["images"]]
    assert names[6:] == ["9-1.png", "1.png", "9-2-1.png"]
    for name, old in zip(names[6:], ("9-1.png", "1.png", "1.jpg"), strict=True):
        copy, original = tmp_path / "copy/images/train" / name, data.root / "images/train" / old
        assert copy.read_bytes() == original.read_bytes()


def test_two_files_of_one_split_name_are_two_splits_of_the_copy(tmp_path):
    data = Planted(tmp_path / "data")
    root = data.write()
    (root / "train").mkdir()
    (root / "annotations/instances_train.json").rename(root / "train/_annotations.coco.json")
    (root / "annotations/instances_val.json").rename(root / "annotations/train.json")
    for file in (root / "images/val").iterdir():
        file.rename(root / "images/train" / file.name)
    assert [split.name for split in find_layout(root).splits] == ["train", "train-train"]
    assert len(repaired(root, tmp_path / "copy")) == 10
    assert {path.name for path in (tmp_path / "copy/annotations").iterdir()} == {
        "instances_train.json",
        "instances_train-train.json",
    }
