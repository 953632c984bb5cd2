import tarfile
import zipfile

import numpy as np
import pytest

from lowres.data.images import BadImageError
from lowres.data.sources import Category
from lowres.data.yolo import YoloSource, yolo_splits
from lowres.data.yolo_labels import label_file

YAML = "names: [cat, dog]\ntrain: train/images\nval: valid/images\n"


@pytest.fixture
def root(tmp_path, picture, png):
    """Two train images, one of them without objects, and one val image."""
    files = {
        "data.yaml": YAML,
        "train/images/a.png": png(picture(20, 10)),
        "train/images/b.png": png(picture(8, 8)),
        "train/labels/a.txt": "1 0.5 0.5 0.5 0.4\n\n0 0.1 0.2 0.2 0.4\n",
        "train/labels/b.txt": "",
        "valid/images/c.png": png(picture(10, 10)),
        "valid/labels/c.txt": "0 0.5 0.5 1 1",
    }
    for name, content in files.items():
        write(tmp_path / "set", name, content)
    return tmp_path / "set"


def write(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def train(root, **changes):
    for name, content in changes.items():
        write(root, name.replace("__", "/") + (".yaml" if name == "data" else ".txt"), content)
    return YoloSource(root, file="data.yaml", split="train")


def test_boxes_are_in_pixels_of_their_image(root):
    source = train(root)
    first, second = source
    assert source.categories == [Category(0, "cat"), Category(1, "dog")]
    assert (first.image_id, first.file_name, first.stated_wh_px) == (1, "train/images/a.png", (20, 10))
    # cx 0.5, cy 0.5, w 0.5, h 0.4 of 20 x 10: x 5 to 15, y 3 to 7.
    np.testing.assert_allclose(first.boxes_xyxy_px, [[5, 3, 15, 7], [0, 0, 4, 4]], atol=1e-9)
    assert first.category_ids.tolist() == [1, 0]
    assert first.read() == (root / "train/images/a.png").read_bytes()
    assert len(second.category_ids) == 0
    assert source.remarks() == {}


def test_missing_label_file_is_an_image_without_objects_and_is_counted(root):
    (root / "train/labels/b.txt").unlink()
    source = train(root)
    assert [len(image.category_ids) for image in source] == [2, 0]
    assert source.remarks() == {"images without a label file": 1}


def test_polygons_become_the_boxes_around_them_and_are_counted(root):
    source = train(root, train__labels__b="0 0.25 0.5 0.75 0.25 0.5 1.0\n")
    np.testing.assert_allclose(list(source)[1].boxes_xyxy_px, [[2, 2, 6, 8]], atol=1e-9)
    assert source.remarks() == {"polygons turned into boxes": 1}


def test_keypoints_give_their_box(root):
    source = train(root, data=YAML + "kpt_shape: [2, 2]\n", train__labels__b="0 0.5 0.5 0.5 0.5 0 0 1 1\n")
    np.testing.assert_allclose(list(source)[1].boxes_xyxy_px, [[2, 2, 6, 6]], atol=1e-9)
    assert source.remarks() == {}


def test_unreadable_image_has_no_size_and_is_left_to_packing(root):
    write(root, "train/images/a.png", b"no image")
    first = next(iter(train(root)))
    assert first.stated_wh_px is None
    assert np.isnan(first.boxes_xyxy_px).all()


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("images/train/a.b.jpg", "labels/train/a.b.txt"),
        ("images/x/images/a.jpg", "images/x/labels/a.txt"),
        ("all/a.jpg", "all/a.txt"),
        ("images", "images.txt"),
    ],
)
def test_label_file_lies_in_the_last_labels_folder_or_beside_the_image(image, label):
    assert label_file(image) == label


@pytest.mark.parametrize(
    "yaml",
    [
        "names: {0: cat, 1: dog}\nnc: 2\ntrain: [train/images]",
        "names: [cat, dog]\npath: .\ntrain: train/images",
        "names: [cat, dog]\npath: /home/other/machine\ntrain: ../train/images",  # as some exports have it
        "names: [cat, dog]\npath: train\ntrain: images",
        "names: [cat, dog]\ntrain: lists/train.txt",
        "\ufeffnames: [cat, dog]\ntrain: train",
    ],
)
def test_ways_to_name_the_same_split(root, yaml):
    write(root, "lists/train.txt", "./train/images/b.png\n../train/images/a.png\n")
    assert [image.file_name for image in train(root, data=yaml)] == ["train/images/a.png", "train/images/b.png"]


def test_classes_may_be_called_by_numbers(root):
    assert [category.name for category in train(root, data="names: [7, 8]\ntrain: train").categories] == ["7", "8"]


def test_tar_and_zip_give_the_same_as_the_folder(root, tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as tar, zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for path in sorted(root.rglob("*.*")):
            tar.add(path, path.relative_to(root))
            packed.write(path, path.relative_to(root))
    want = [(image.file_name, image.boxes_xyxy_px.tolist(), image.read()) for image in train(root)]
    for archive in ("set.tar", "set.zip"):
        source = YoloSource(tmp_path / archive, file="data.yaml", split="train")
        assert [(image.file_name, image.boxes_xyxy_px.tolist(), image.read()) for image in source] == want


def test_splits_are_those_of_data_yaml(root):
    assert {split: len(source) for split, source in yolo_splits(root, file="data.yaml").items()} == {
        "train": 2,
        "val": 1,
    }
    write(root, "data.yaml", YAML.replace("val:", "valid:"))
    assert set(yolo_splits(root, file="data.yaml")) == {"train", "val"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.5", "has 4 numbers; a box has 5"),
        ("0 0.5 0.5 0.5 0.5 0.9", "has 6 numbers (a confidence at its end"),
        ("0 .1 .2 .3 .4 .5 .6 .7", "has 8 numbers"),
        ("cat 0.5 0.5 0.5 0.5", "'cat 0.5 0.5 0.5 0.5' is not a row of numbers"),
        ("2 0.5 0.5 0.5 0.5", "class 2 is not in data.yaml, whose classes are 0 to 1"),
        ("-1 0.5 0.5 0.5 0.5", "class '-1' is no whole number from 0"),
        ("0.5 0.5 0.5 0.5 0.5", "class '0.5' is no whole number"),
        ("nan 0.5 0.5 0.5 0.5", "class 'nan' is no whole number"),
        ("inf 0.5 0.5 0.5 0.5", "class 'inf' is no whole number"),
    ],
)
def test_faulty_line_is_left_out_and_named_for_packing(root, line, message):
    image = list(train(root, train__labels__b=f"0 0.5 0.5 0.1 0.1\n{line}\n"))[1]
    assert image.category_ids.tolist() == [0]
    ((place, reason, told),) = image.faults
    assert place == "train/labels/b.txt:2"
    assert reason == ("unknown category" if "class" in message and "box" not in message else "line is no box")
    assert told.startswith(message)


def test_image_whose_label_file_is_no_text_is_left_to_packing(root):
    write(root, "train/labels/b.txt", b"\xff\xfe0 1")
    first, second = train(root)
    assert first.read()
    assert len(second.category_ids) == 0
    with pytest.raises(BadImageError, match=r"^label file cannot be read: train/labels/b\.txt: is no UTF-8 text"):
        second.read()


def test_coordinates_in_pixels_are_refused_but_one_box_out_of_frame_is_not(root):
    assert len(train(root, train__labels__b="0 4 4 2 2\n")) == 2
    with pytest.raises(ValueError, match=r"3 of 3 boxes have values over 1\.5; .*look like pixels"):
        train(root, train__labels__a="0 4 4 2 2\n1 9 9 2 2", train__labels__b="0 4 4 2 2\n")


def test_split_without_a_label_file_is_refused(root):
    (root / "train/labels").rename(root / "train/label")
    with pytest.raises(
        ValueError, match=r"none of 2 images has a label file; for train/images/a\.png it would be train/labels/a"
    ):
        train(root)


def test_two_images_that_share_a_label_file_are_refused(root):
    write(root, "train/images/a.jpg", b"")
    with pytest.raises(ValueError, match=r"train/images/a\.jpg and train/images/a\.png share the label file"):
        train(root)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("names: [cat, dog]\nval: valid/images", "has no split 'train'; known: val"),
        ("train: train/images", "names is missing; it must list the classes"),
        ("names: []\ntrain: train", "names is a list; it must list"),
        ("names: cat\ntrain: train", "names is 'cat'"),
        ("names: {0: cat, 2: dog}\ntrain: train", "names has the key 2; keys are 0 to 1"),
        ("names: {a: cat}\ntrain: train", "names has the key 'a'"),
        ("names: [cat, [dog]]\ntrain: train", r"names\[1\] is a list; it must be the class's name"),
        ("names: [cat, true]\ntrain: train", r"names\[1\] is True; .*put it in quotes"),
        ("names: [cat, cat]\ntrain: train", "names has 'cat' twice"),
        ("names: [cat, dog]\nnc: 3\ntrain: train", "nc is 3, but names has 2"),
        ("names: [cat, dog]\ntrain: trian", r"train: 'trian' \(looked for trian\) holds no image"),
        ("names: [cat, dog]\ntrain: /etc", "train: '/etc', outside of the data set, holds no image"),
        ("names: [cat, dog]\ntrain: ../../etc", "train: '../../etc', outside of the data set, holds"),
        ("names: [cat, dog]\ntrain: train.txt", r"train: 'train\.txt' \(looked for train\.txt\) is no file"),
        ("names: [cat, dog]\ntrain: empty.txt", r"empty\.txt: the list is empty"),
        (
            "names: [cat, dog]\ntrain: bad.txt",
            r"bad\.txt:2: '/abs/b\.png' is no file of the data set; name it from its root",
        ),
        ("names: [cat, dog]\ntrain: 3", "train is 3; it must be a folder"),
        ("names: [cat, dog]\ntrain: [train, train/images]", "train lists the image train/images/a.png twice"),
        ("names: [cat", "data.yaml: not YAML"),
        ("- cat", "data.yaml: holds a YAML list; a mapping is expected"),
        ("names: [cat, dog]\nnames: [a]", "data.yaml: not YAML: .*duplicate key"),
        ("a: &a [x, x, x]\nb: &b [*a, *a, *a]\nnames: *b\ntrain: train", r"names\[0\] is a list"),
    ],
)
def test_faulty_data_yaml_is_one_clear_line(root, yaml, message):
    write(root, "empty.txt", "\n")
    write(root, "bad.txt", "train/images/a.png\n/abs/b.png\n")
    with pytest.raises(ValueError, match=message) as caught:
        train(root, data=yaml)
    assert "\n" not in str(caught.value)
    assert "data.yaml" in str(caught.value)


def test_missing_data_yaml_is_named(root):
    with pytest.raises(ValueError, match=r"other\.yaml: cannot be read: no such file"):
        YoloSource(root, file="other.yaml", split="train")
