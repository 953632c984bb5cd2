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


def copied(data, tmp_path):
    """Boxes of train in the repaired copy by file name, and what changed by its place."""
    changes = write_repaired(examine(find_layout(data.write()), threads=1), tmp_path / "copy")
    document = json.loads((tmp_path / "copy/annotations/instances_train.json").read_text())
    boxes = {
        entry["file_name"]: [found["bbox"] for found in document["annotations"] if found["image_id"] == entry["id"]]
        for entry in document["images"]
    }
    return boxes, {change["what"]: change["change"] for change in changes}


def with_ids(data, image_id, annotated_id):
    """Image 6 of train gets the id, and its two annotations are said to be of the other."""
    train = data.documents["train"]
    train["images"][5]["id"] = image_id
    for entry in train["annotations"][10:]:
        entry["image_id"] = annotated_id


def test_images_that_share_an_id_are_left_out_all(tmp_path):
    data = Planted(tmp_path / "data")
    with_ids(data, 1, 1)
    boxes, changes = copied(data, tmp_path)
    assert list(boxes) == ["train2.png", "train3.png", "train4.png", "train5.png"]
    for one, other in (("train1.png", "train6.png"), ("train6.png", "train1.png")):
        why = f"its id is also that of {other} (id 1), and whose the boxes are is unknown"
        assert changes[f"{one} (id 1)"] == f"left out: {why}"


def test_an_entry_that_is_listed_again_whole_keeps_its_boxes(tmp_path):
    data = Planted(tmp_path / "data")
    images = data.documents["train"]["images"]
    images.append(dict(images[0]))
    assert len(copied(data, tmp_path)[0]["train1.png"]) == 2


ODD_IDS = [("six", "six"), ("6", "6"), (6.5, 6.5), (6.0, 6), (6, 6.0), (1e30, 1e30), (10**30, 10**30), (-6, -6)]


@pytest.mark.parametrize(("image_id", "annotated_id"), ODD_IDS)
def test_boxes_of_odd_image_ids_are_kept_where_the_ids_are_equal(image_id, annotated_id, tmp_path):
    data = Planted(tmp_path / "data")
    with_ids(data, image_id, annotated_id)
    found = {finding.kind for finding in examine(find_layout(data.write()), threads=1).findings}
    assert found == {"bad_image_id"}
    assert copied(data, tmp_path)[0]["train6.png"] == [[4, 5, 20, 20], [14, 5, 20, 20]]


@pytest.mark.parametrize(("image_id", "annotated_id"), [("6", 6), (6, "6"), (10**30, 1e30), (7, True)])
def test_ids_that_are_not_equal_are_not_joined(image_id, annotated_id, tmp_path):
    data = Planted(tmp_path / "data")
    with_ids(data, image_id, annotated_id)
    assert copied(data, tmp_path)[0]["train6.png"] == []


@pytest.mark.parametrize("image_id", [None, "", True, [6], float("nan")])
def test_an_image_without_an_id_is_left_out(image_id, tmp_path):
    data = Planted(tmp_path / "data")
    with_ids(data, image_id, image_id)
    boxes, changes = copied(data, tmp_path)
    assert "train6.png" not in boxes
    assert changes[f"train6.png (id {image_id!r})"] == "left out: it has no id, so that its boxes are unknown"


def test_changes_say_where_iscrowd_was_written_as_0(tmp_path):
    data = Planted(tmp_path / "data")
    data.documents["train"]["annotations"][2]["iscrowd"] = 2
    assert copied(data, tmp_path)[1]["annotations[2] id 3"].endswith(": written as 0")


def test_annotations_that_cannot_be_read_are_left_out_and_recorded(tmp_path):
    root = Planted(tmp_path / "data").write()
    (root / "annotations/instances_test.json").write_text('{"images": [')
    assert len(repaired(root, tmp_path / "copy")) == 10
    change = "annotation file cannot be read: the file and its images are left out"
    recorded = json.loads((tmp_path / "copy/changes.json").read_text())
    assert {"split": "test", "what": "instances_test.json", "change": change} in recorded
