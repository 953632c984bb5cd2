import json
import tarfile
import zipfile

import pytest

from lowres.data.recognise import recognise

INSTANCES = {
    "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "sub/2.png"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
    "categories": [{"id": 1, "name": "cat"}],
}
TT100K = {
    "types": ["pn"],
    "imgs": {
        "1": {"path": "train/1.jpg", "id": 1, "objects": []},
        "2": {"path": "other/2.jpg", "id": 2, "objects": []},
    },
}
XML = "<annotation><object><name>{}</name></object></annotation>"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def fill(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def tar(path, names):
    with tarfile.open(path, "w") as packed:
        for name in names:
            packed.addfile(tarfile.TarInfo(name))


def coco(split, images=None):
    folder = images or f"{split}2017"
    return {f"annotations/instances_{split}2017.json": INSTANCES, f"{folder}/1.png": "", f"{folder}/sub/2.png": ""}


VOC = {
    "VOC/Annotations/1.xml": XML.format("dog"),
    "VOC/Annotations/2.xml": XML.format("cat"),
    "VOC/ImageSets/Main/trainval.txt": "1",
    "VOC/ImageSets/Main/test.txt": "2",
}
YOLO = {"data.yaml": "names: [cat]\ntrain: images/train\nval: images/val\n", "images/train/1.png": ""}
CLASSES = {f"{split}/{name}/1.png": "" for split in ("train", "val") for name in ("cat", "dog")}


def test_coco_in_its_official_layout(root):
    fill(root, coco("train") | coco("val"))
    found = recognise(root)
    assert found.settings == {
        "kind": "coco",
        "root": str(root),
        "train": {"images": "train2017", "annotations": "annotations/instances_train2017.json"},
        "val": {"images": "val2017", "annotations": "annotations/instances_val2017.json"},
        "test": None,
    }
    first, second = found.lines()
    assert f"{root}: recognised coco: annotations/instances_train2017.json has images, annotations" in first
    assert json.loads(second.removeprefix("  in full: source: ")) == found.settings


def test_coco_beside_other_annotations_of_the_same_images(root):
    others = {
        "annotations/captions_train2017.json": {"images": [{"file_name": "1.png"}], "annotations": [{"caption": ""}]},
        "annotations/person_keypoints_train2017.json": INSTANCES,
        "annotations/image_info_test2017.json": {"images": [], "categories": []},
    }
    fill(root, coco("train") | others)
    assert recognise(root).settings["train"]["annotations"] == "annotations/instances_train2017.json"


def test_coco_with_images_in_tars_and_beside_the_annotations(root):
    fill(
        root,
        {
            "instances_val.json": INSTANCES,
            "train/_annotations.json": INSTANCES,
            "train/1.png": "",
            "train/sub/2.png": "",
        },
    )
    tar(root / "val.tar", ["val/1.png", "val/sub/2.png"])
    settings = recognise(root).settings
    assert settings["train"] == {"images": "train", "annotations": "train/_annotations.json"}
    assert settings["val"] == {"images": "val.tar", "annotations": "instances_val.json"}


def test_one_coco_file_without_a_split_is_train(root):
    fill(root, {"labels.json": INSTANCES, "1.png": "", "sub/2.png": ""})
    settings = recognise(root).settings
    assert (settings["train"], settings["val"]) == ({"images": ".", "annotations": "labels.json"}, None)


def packed(root, kind):
    """The folder `root` as an archive with one folder before its names, and as one without."""
    for name in ("", root.name):
        path = root.parent / f"{name or 'flat'}.{kind}"
        files = [(file, f"{name}/{file.relative_to(root)}".lstrip("/")) for file in root.rglob("*") if file.is_file()]
        if kind == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for file, member in files:
                    archive.write(file, member)
        else:
            with tarfile.open(path, "w") as archive:
                for file, member in files:
                    archive.add(file, member)
        yield path, f"{name}/" if name else ""


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_coco_packed_whole(root, kind):
    fill(root, coco("train") | coco("val"))
    for archive, prefix in packed(root, kind):
        settings = recognise(archive).settings
        assert (settings["kind"], settings["root"], settings["test"]) == ("coco", str(archive), None)
        for split in ("train", "val"):
            assert settings[split] == {
                "images": f"{prefix}{split}2017",
                "annotations": f"{prefix}annotations/instances_{split}2017.json",
            }


def test_coco_packed_with_its_images_at_the_top(root):
    fill(root, {"train.json": INSTANCES, "1.png": "", "sub/2.png": ""})
    flat, _ = next(packed(root, "tar"))
    assert recognise(flat).settings["train"] == {"images": ".", "annotations": "train.json"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_tt100k_packed_whole(root, kind):
    fill(root, {"annotations.json": TT100K})
    for archive, prefix in packed(root, kind):
        settings = recognise(archive).settings
        assert (settings["root"], settings["annotations"]) == (str(archive), f"{prefix}annotations.json")
        assert settings["train"] == {"folders": ["train"], "ids": None}


def test_coco_in_the_only_archive_of_a_folder(root):
    fill(root, coco("train"))
    archive, _ = next(packed(root, "zip"))
    (root.parent / "outer").mkdir()
    archive = archive.rename(root.parent / "outer" / "set.zip")
    assert recognise(root.parent / "outer").settings == recognise(archive).settings


def test_archives_in_an_archive_are_not_looked_into(root):
    fill(root, {"train.json": INSTANCES})
    tar(root / "train.tar", ["1.png", "sub/2.png"])
    flat, _ = next(packed(root, "tar"))
    with pytest.raises(ValueError, match=r"the images of train\.json .* are in no folder and no archive"):
        recognise(flat)


def test_annotations_in_an_archive_that_cannot_be_read_are_named(root):
    fill(root, {"train.json": "{", "1.png": ""})
    flat, _ = next(packed(root, "tar"))
    with pytest.raises(ValueError, match=r"no layout recognised .*flat\.tar/train\.json: malformed JSON") as caught:
        recognise(flat)
    assert "\n" not in str(caught.value)


def test_compressed_tars_are_refused_with_the_command_that_helps(root):
    fill(root / "in", coco("train"))
    (root / "in").rename(root.parent / "set2")
    with tarfile.open(root / "coco.tar.gz", "w:gz") as archive:
        archive.add(root.parent / "set2", "coco")
    for path in (root, root / "coco.tar.gz"):
        with pytest.raises(ValueError, match=rf"^{root}/coco\.tar\.gz: is a tar compressed with gzip, .*gzip -dc"):
            recognise(path)
    fill(root, {"train.json": INSTANCES})
    with pytest.raises(ValueError, match=r"the images of train\.json are in no folder and no archive; .*gzip -dc"):
        recognise(root)
    (root / "train.json").write_text("1")
    with pytest.raises(ValueError, match=r"no layout recognised .*coco\.tar\.gz: is a tar compressed with gzip"):
        recognise(root)


def test_voc_with_its_classes(root):
    fill(root, VOC)
    assert recognise(root).settings == {
        "kind": "voc",
        "root": str(root),
        "prefix": "VOC/",
        "classes": ["cat", "dog"],
        "train": {"ids": "ImageSets/Main/trainval.txt"},
        "val": None,
        "test": {"ids": "ImageSets/Main/test.txt"},
    }


def test_voc_with_an_xml_that_cannot_be_read_has_the_classes_of_the_others(root):
    fill(root, {**VOC, "VOC/Annotations/2.xml": "<a>"})
    assert recognise(root).settings["classes"] == ["dog"]


def test_voc_whose_trainval_has_the_images_of_val_is_refused_where_there_is_no_train(root):
    lists = {"VOC/ImageSets/Main/trainval.txt": "1\n2\n", "VOC/ImageSets/Main/val.txt": "2 1\n"}
    fill(root, VOC | lists)
    with pytest.raises(ValueError, match=r"have 1 images in common, .* data\.source\.train\.ids of kind: voc"):
        recognise(root)
    fill(root, {"VOC/ImageSets/Main/train.txt": "1"})
    assert recognise(root).settings["train"] == {"ids": "ImageSets/Main/train.txt"}


def test_voc_with_trainval_and_another_val_is_taken_as_it_is(root):
    fill(root, VOC | {"VOC/ImageSets/Main/val.txt": "2"})
    assert recognise(root).settings["val"] == {"ids": "ImageSets/Main/val.txt"}


def test_layout_inside_the_only_archive_of_a_folder(root):
    fill(root, VOC)
    with tarfile.open(root.parent / "voc.tar", "w") as packed:
        packed.add(root, "data")
    (root.parent / "outer").mkdir()
    (root.parent / "voc.tar").rename(root.parent / "outer" / "voc.tar")
    settings = recognise(root.parent / "outer").settings
    assert (settings["root"], settings["prefix"]) == (str(root.parent / "outer" / "voc.tar"), "data/VOC/")
    assert recognise(root.parent / "outer" / "voc.tar").settings == settings


def test_yolo_by_its_yaml(root):
    fill(root, YOLO | {"other.yaml": "a: 1"})
    found = recognise(root)
    assert found.settings == {"kind": "yolo", "root": str(root), "file": "data.yaml"}
    assert found.why == "data.yaml has names, train, val"


def test_tt100k_of_2021_one_folder_down(root):
    fill(root, {"tt100k_2021/annotations_all.json": TT100K})
    found = recognise(root)
    assert found.settings["root"] == str(root / "tt100k_2021")
    assert found.settings["annotations"] == "annotations_all.json"
    assert (found.settings["train"], found.settings["test"]) == ({"folders": ["train"], "ids": None}, None)
    assert "1 in train, 1 in other" in found.why


def test_folder_per_class(root):
    fill(root, CLASSES)
    assert recognise(root).settings == {"kind": "class_folders", "root": str(root)}


TRAIN = {name: content for name, content in CLASSES.items() if name.startswith("train/")}
ALONE = {name.removeprefix("train/"): content for name, content in TRAIN.items()}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (ALONE, "only images in 2 folders (cat, dog ...), no splits"),
        (TRAIN, "only images in 2 folders of train (cat, dog ...), no val"),
        (TRAIN | {"test/cat/1.png": "", ".git/config": ""}, "only images in 2 folders of train (cat, dog ...), no val"),
        (CLASSES | {"README.md": ""}, "only images in 2 folders of train (cat, dog ...) and 2 of val"),
    ],
)
def test_folder_per_class_without_val_or_without_splits(root, files, why):
    fill(root, files)
    found = recognise(root)
    assert found.settings == {"kind": "class_folders", "root": str(root)}
    assert found.why == why


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (
            TRAIN | {"labels.csv": ""},
            r"train has a folder per class, but labels\.csv lies beside; .*source\.kind: class_folders",
        ),
        (TRAIN | {"valid/cat/1.png": ""}, r"train has a folder per class, but valid/cat/1\.png lies beside"),
        (ALONE | {"train2017/1.png": ""}, "only images in 3 folders, but train2017 is hardly a class; if it is, set"),
        ({"Images/1.png": "", "Masks/1.png": ""}, "only images in 2 folders, but Images is hardly a class"),
        ({"train/1.png": "", "val/1.png": ""}, ""),
        ({"train/1.png": "", "dog/1.png": ""}, ""),
        ({"train/images/1.png": "", "train/masks/1.png": ""}, ""),
        (ALONE | {"labels.csv": ""}, ""),
        (ALONE | {"cat/more/1.png": ""}, ""),
        ({"cat/1.png": ""}, ""),
    ],
)
def test_folders_that_may_be_no_classes_are_not_taken_for_them(root, files, note):
    fill(root, files)
    with pytest.raises(ValueError, match=f"no layout recognised.*{note}") as caught:
        recognise(root)
    assert "\n" not in str(caught.value)


def test_annotations_decide_where_their_images_lie_in_folders(root):
    images = [{"id": number, "file_name": f"{name}/1.png"} for number, name in enumerate(("cat", "dog"), start=1)]
    fill(root, TRAIN | {"train.json": INSTANCES | {"images": images}})
    assert recognise(root).settings["kind"] == "coco"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            YOLO | VOC,
            r"holds more than one layout: voc \(2 XML in VOC/Annotations.*; yolo \(data\.yaml.*set data\.source\.kind",
        ),
        (YOLO | {"other.yml": YOLO["data.yaml"]}, r"more than one layout: yolo \(data\.yaml .*; yolo \(other\.yml"),
        (VOC | {n.replace("VOC", "VOC2012"): c for n, c in VOC.items()}, "more than one layout: voc .*; voc .*VOC2012"),
        ({"annotations.json": TT100K, "annotations_all.json": TT100K}, "more than one layout: tt100k .*; tt100k"),
        (
            {"a_train.json": INSTANCES, "b_train.json": INSTANCES, "1.png": ""},
            r"a_train\.json and b_train\.json are both COCO for 'train'",
        ),
        (
            {"a.json": INSTANCES, "b_train.json": INSTANCES},
            r"a\.json is COCO, but neither its name nor its folder says",
        ),
        (
            {"train.json": INSTANCES},
            r"the images of train\.json \(1\.png, sub/2\.png\) are in no folder and no archive",
        ),
        (
            {"train.json": INSTANCES} | {f"{f}/{n}": "" for f in ("a", "b") for n in ("1.png", "sub/2.png")},
            r"the images of train\.json .* lie in a, b; set data\.source\.kind: coco",
        ),
        ({"val.json": INSTANCES}, r"no layout recognised .*val\.json is COCO, but none is for train"),
        ({"train.json": '{"images": ['}, r"no layout recognised .*train\.json: malformed JSON"),
        ({"data.yaml": "names: ["}, r"no layout recognised .*data\.yaml: not YAML"),
        ({"Annotations/1.xml": "<a/>"}, r"no layout recognised .*there is no ImageSets/Main/train\.txt"),
        ({"train/cat/1.png": "", "train/2.png": ""}, r"no layout recognised \(set: 2 \.png in train\)"),
        ({"x/1.jpg": "", "y/1.png": ""}, "most JPEGs have a PNG of the same name: masks for segmentation"),
        ({"data_batch_1.bin": ""}, "data_batch_1.bin is of kind cifar10: set data.source.kind: cifar10 with num_val"),
        ({}, r"no layout recognised \(set: no files\); known are COCO"),
    ],
)
def test_what_is_ambiguous_or_unknown_is_refused_with_what_was_seen(root, files, message):
    fill(root, files)
    with pytest.raises(ValueError, match=message) as caught:
        recognise(root)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(root))


DAMAGED = {
    "cut off": ('{"images": [', "malformed JSON"),
    "no images": (INSTANCES | {"images": []}, "lists no images"),
    "no categories": ({key: INSTANCES[key] for key in ("images", "annotations")}, "has no list 'categories'"),
    "no box in the first": (INSTANCES | {"annotations": [{"image_id": 1}]}, "its first annotation has no bbox"),
}


@pytest.mark.parametrize("name", ["annotations/instances_test2017.json", "test.json"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_annotations_of_a_split_are_no_absent_split(root, name, damage):
    content, why = DAMAGED[damage]
    fill(root, coco("train") | coco("val") | {name: content})
    with pytest.raises(ValueError, match=f"{name}: .*{why}.*it seems to be the annotations of 'test': mend or remove"):
        recognise(root)


def test_other_json_beside_a_data_set_is_passed_over(root):
    fill(root, coco("train") | {"results_val.json": [], "notes_test.json": "{", "config.json": {"images": []}})
    assert recognise(root).settings["test"] is None


def test_layout_in_a_folder_and_another_in_its_archive_is_ambiguous(root):
    fill(root, YOLO)
    fill(root.parent / "inner", {"Annotations/1.xml": XML.format("dog"), "ImageSets/Main/train.txt": "1"})
    with tarfile.open(root / "voc.tar", "w") as packed:
        packed.add(root.parent / "inner", "inner")
    with pytest.raises(ValueError, match=r"more than one layout: yolo .*; voc"):
        recognise(root)
