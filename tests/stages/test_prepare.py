"""prepare against every planted fault of the doctor's corpus: none reaches training."""

import json
from itertools import product

import numpy as np
import pytest
from tests.data.doctor.corpus import BOXES, COPIES, FAULTS, IMAGES, Planted, encoded, picture, rotated

from lowres.config.data import Data
from lowres.data.doctor.findings import KINDS, Severity
from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.stages import prepare

INPUT = {"short_side_px": 64, "long_side_px": 64, "stretch": False, "canvas_multiple_px": 32}


def data_of(*, allowed=0.5, **source):
    return Data(source=source, input=INPUT, max_bad_fraction=allowed, min_side_px=1, shard_mb=1)


def coco(root, allowed=0.5):
    """The settings that one would write by hand: `kind: auto` refuses some faults before they are read."""
    tar = (root / "images/train.tar").exists()
    places = {"train": "images/train.tar" if tar else "images/train", "val": "images/val"}
    splits = {
        split: {"images": place, "annotations": f"annotations/instances_{split}.json"}
        for split, place in places.items()
    }
    return data_of(allowed=allowed, kind="coco", root=str(root), test=None, **splits)


def packed(folder):
    """What training would see: by split, file names and boxes with their classes."""
    seen = {}
    for split in ("train", "val"):
        document = json.loads((folder / split / "annotations.json").read_text())
        names = {image["id"]: image["file_name"] for image in document["images"]}
        boxes = [(names[entry["image_id"]], entry["category_id"], entry["bbox"]) for entry in document["annotations"]]
        seen[split] = (sorted(names.values()), sorted(boxes))
    return seen


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    prepare.run(coco(Planted(folder / "data").write()), out_data=folder / "packed")
    return packed(folder / "packed")


def planted(fault, root):
    data = Planted(root)
    kind, _ = FAULTS[fault](data)
    return data.write(), kind


def outcome(root, out, allowed):
    """What training would see, or the message with which the data set is refused."""
    try:
        prepare.run(coco(root, allowed), out_data=out)
    except ValueError as error:
        return str(error)
    return packed(out)


def test_no_planted_error_reaches_training(sound, tmp_path):
    """A fifth may be bad: one of seven images or a few of fourteen boxes is left out, one copy of four is not."""
    refused, left_out = [], []
    for number, fault in enumerate(FAULTS):
        root, kind = planted(fault, tmp_path / f"{number}")
        if KINDS[kind].severity is not Severity.ERROR:
            continue
        out = tmp_path / f"packed{number}"
        got = outcome(root, out, allowed=0.2)
        if isinstance(got, str):
            assert "\n" not in got, fault
            assert not out.exists(), fault
            refused.append(fault)
        else:
            assert got == sound, fault
            left_out.append(fault)
    assert len(refused) > 20
    assert len(left_out) > 20


def test_no_planted_error_passes_where_nothing_bad_is_allowed(tmp_path):
    for number, fault in enumerate(FAULTS):
        root, kind = planted(fault, tmp_path / f"{number}")
        if KINDS[kind].severity is Severity.ERROR:
            assert isinstance(outcome(root, tmp_path / f"packed{number}", allowed=0), str), fault


def test_what_trains_in_spite_of_a_warning_is_whole_and_sound(tmp_path):
    trained = 0
    for number, fault in enumerate(FAULTS):
        root, kind = planted(fault, tmp_path / f"{number}")
        if KINDS[kind].severity is Severity.ERROR:
            continue
        out = tmp_path / f"packed{number}"
        got = outcome(root, out, allowed=0.2)
        if isinstance(got, str):
            assert "\n" not in got, fault
            continue
        trained += 1
        for split in ("train", "val"):
            reader = ShardReader(out / split)
            for place, (width, height) in enumerate(reader.sizes_wh_px.tolist()):
                assert decode_rgb(reader[place]).shape == (height, width, 3), fault
            assert_sound(json.loads((out / split / "annotations.json").read_text()), fault)
    assert trained > 20


def assert_sound(document, fault):
    frames = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    classes = {category["id"] for category in document["categories"]}
    assert [entry["id"] for entry in document["annotations"]] == list(range(1, len(document["annotations"]) + 1)), fault
    for entry in document["annotations"]:
        (x, y, width, height), frame = entry["bbox"], frames[entry["image_id"]]
        assert min(width, height) > 0 <= min(x, y), fault
        assert max(x + width - frame[0], y + height - frame[1]) < 1e-6, fault
        assert 0 < entry["area"] <= width * height, fault
        assert entry["iscrowd"] in (0, 1), fault
        assert entry["category_id"] in classes, fault


def test_allowed_copies_across_splits_are_warned_of_in_one_line_and_counted(tmp_path, capsys):
    data = Planted(tmp_path / "data")
    COPIES["same pixels as bmp"](data)
    prepare.run(coco(data.write()), out_data=tmp_path / "packed")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    told = "train and val 1 exactly, 0 nearly (first: copy.bmp is val1.png)"
    assert lines == [f"warning: splits share images, which makes measured accuracy untrue: {told}"]
    check = json.loads((tmp_path / "packed/check.json").read_text())
    assert check["train"]["duplicates"]["across"]["val"]["first"] == [["copy.bmp", "val1.png"]]
    assert "duplicates" not in check["test"]  # it is val under another name


def test_what_is_left_out_is_said_by_split_and_reason(tmp_path, capsys):
    data = Planted(tmp_path / "data")
    for fault in (BOXES["nan"], BOXES["zero height"], BOXES["no bbox"], IMAGES["text"]):
        fault(data)
    prepare.run(coco(data.write()), out_data=tmp_path / "packed")
    lines = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert lines == [
        "train: 1 of 7 images left out (not an image: 1)",
        "train: 3 of 15 boxes left out (not four finite numbers: 2, side not positive: 1)",
    ]


@pytest.mark.parametrize(("split", "use"), [("train", "train on"), ("val", "choose the weights by")])
def test_split_without_an_object_is_refused_in_one_line(split, use, tmp_path):
    data = Planted(tmp_path / "data")
    data.documents[split]["annotations"] = [{**data.documents[split]["annotations"][0], "iscrowd": 1}]
    with pytest.raises(ValueError, match=rf"instances_{split}\.json: no object is left to {use}; .*doctor") as caught:
        prepare.run(coco(data.write()), out_data=tmp_path / "packed")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize(("copies", "refused"), [(2, True), (1, False)])
def test_split_that_is_half_copies_of_train_is_refused(copies, refused, tmp_path):
    data = Planted(tmp_path / "data")
    for number in range(1, copies + 1):
        data.add("train", content=(data.root / f"images/val/val{number}.png").read_bytes(), name=f"copy{number}.png")
    data.write()
    if not refused:
        prepare.run(coco(data.root), out_data=tmp_path / "packed")
        return
    message = r"^val: 2 of 4 images are exact copies of images of train \(first: val1\.png is copy1\.png\), .* by group"
    with pytest.raises(ValueError, match=message):
        prepare.run(coco(data.root), out_data=tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_one_copy_of_train_in_val_is_refused_where_nothing_bad_is_allowed(tmp_path):
    data = Planted(tmp_path / "data")
    COPIES["same pixels as bmp"](data)
    message = (
        r"^val: 1 of 4 images are exact copies of images of train \(first: val1\.png is copy\.bmp\), .* allows 0; "
    )
    with pytest.raises(ValueError, match=message) as caught:
        prepare.run(coco(data.write(), allowed=0), out_data=tmp_path / "packed")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "packed").exists()


def test_near_copies_across_splits_are_no_reason_to_refuse(tmp_path, capsys):
    images = {"train/cat/1": picture(1, 80, 64), "train/dog/2": picture(2, 80, 64), "val/cat/3": picture(3, 80, 64)}
    near = np.clip(images["train/dog/2"] * 0.9 + 12, 0, 255).astype(np.uint8)
    settings = classes(
        tmp_path / "data", {name: encoded(image) for name, image in (images | {"val/dog/4": near}).items()}
    )
    prepare.run(settings.model_copy(update={"max_bad_fraction": 0.0}), out_data=tmp_path / "packed")
    assert "train and val 0 exactly, 1 nearly" in capsys.readouterr().out


def classes(root, images):
    for place, content in images.items():
        path = root / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return data_of(kind="auto", root=str(root))


def test_class_folders_of_a_single_class_are_refused(tmp_path):
    images = {f"{split}/cat/{n}": encoded(picture(n)) for n, split in enumerate(("train", "val"))}
    classes(tmp_path / "data", images)
    source = data_of(kind="class_folders", root=str(tmp_path / "data"))
    with pytest.raises(ValueError, match=r"data/train: all images are of one class, 'cat', .*add a second") as caught:
        prepare.run(source, out_data=tmp_path / "packed")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "packed").exists()


def test_classes_of_folders_that_become_one_are_refused(tmp_path):
    images = {
        f"{split}/{name}/1": encoded(picture(n)) for n, (split, name) in enumerate(product(("train", "val"), "ab"))
    }
    classes(tmp_path / "data", images)
    of = {"kind": "class_folders", "root": str(tmp_path / "data")}
    merged = data_of(kind="chosen", of=of, classes=None, rename={"b": "a"}, keep_emptied=False)
    with pytest.raises(ValueError, match="all images are of one class, 'a'"):
        prepare.run(merged, out_data=tmp_path / "packed")


def test_a_single_class_with_boxes_is_enough(tmp_path):
    data = Planted(tmp_path / "data")
    data.write()
    chosen = {"kind": "chosen", "of": coco(data.root).source.model_dump(), "rename": {}, "keep_emptied": True}
    first = data.documents["train"]["categories"][0]["name"]
    prepare.run(data_of(**chosen, classes=[first]), out_data=tmp_path / "packed")
    assert (tmp_path / "packed/train").is_dir()


def test_grey_images_of_one_class_each_are_counted_in_one_line(tmp_path, capsys):
    colour = {
        f"{split}/{name}/1": encoded(picture(n)) for n, (split, name) in enumerate(product(("train", "val"), "ab"))
    }
    grey = {f"train/{name}/{n}": encoded(picture(10 + n)[..., n % 3]) for name, n in (("a", 2), ("a", 3), ("b", 4))}
    prepare.run(classes(tmp_path / "data", colour | grey), out_data=tmp_path / "packed")
    assert [line for line in capsys.readouterr().out.splitlines() if "grey images" in line] == [
        "train: grey images read as RGB: 3"
    ]
    check = json.loads((tmp_path / "packed/check.json").read_text())
    assert check["train"]["remarks"] == {"grey images read as RGB": 3}
    assert "remarks" not in check["val"]


def test_grey_images_with_boxes_are_no_remark(tmp_path, capsys):
    data = Planted(tmp_path / "data")
    data.add("train", content=encoded(picture(50)[..., 0]), name="grey.png")
    prepare.run(coco(data.write()), out_data=tmp_path / "packed")
    assert "grey images" not in capsys.readouterr().out


def test_an_image_and_its_copy_turned_by_exif_are_copies_where_there_are_no_boxes(tmp_path):
    upright = encoded(np.rot90(picture(906), -1))
    images = {"train/cat/1": encoded(picture(1)), "train/dog/2": rotated(6, "PNG"), "val/cat/3": encoded(picture(3))}
    images |= {"val/dog/4": upright, "val/dog/5": encoded(picture(5))}
    prepare.run(classes(tmp_path / "data", images), out_data=tmp_path / "packed")
    check = json.loads((tmp_path / "packed/check.json").read_text())
    assert check["val"]["duplicates"]["across"]["train"]["first"] == [["dog/4.png", "dog/2.png"]]


def test_labelled_images_are_looked_at_for_copies_too(tmp_path):
    seeds = {"train/cat/1": 1, "train/dog/2": 2, "val/cat/3": 1, "val/dog/4": 4, "val/dog/5": 5}
    images = {place: encoded(picture(seed)) for place, seed in seeds.items()}
    prepare.run(classes(tmp_path / "data", images), out_data=tmp_path / "packed")
    check = json.loads((tmp_path / "packed/check.json").read_text())
    assert check["val"]["duplicates"]["across"]["train"]["first"] == [["cat/3.png", "cat/1.png"]]
