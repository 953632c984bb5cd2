import json
import tarfile
import zipfile

import numpy as np
import pytest
from tests.data.doctor.corpus import FAULTS, Planted, encoded, picture, rotated

from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose_json import JsonFolder, json_layout
from lowres.data.recognise import recognise


def kinds(root):
    examination = examine(find_layout(root), threads=1)
    return {(finding.kind, finding.place) for finding in examination.findings}


def voc(root, objects="", number=3):
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    sound = (
        "<object><name>cell</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
    )
    for index in range(number):
        (root / f"JPEGImages/{index}.jpg").write_bytes(encoded(picture(index), "JPEG"))
        size = "<size><width>64</width><height>48</height></size>"
        text = f"<annotation>{size}{sound}{objects if not index else ''}</annotation>"
        (root / f"Annotations/{index}.xml").write_text(text)
    (root / "ImageSets/Main/train.txt").write_text("".join(f"{index}\n" for index in range(number)))
    return root


def box(*corners, name="cell"):
    sides = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return f"<object><name>{name}</name><bndbox>{sides}</bndbox></object>"


def test_coco_is_recognised_and_says_why(tmp_path):
    layout = find_layout(Planted(tmp_path).write())
    assert (layout.kind, [split.name for split in layout.splits]) == ("COCO", ["train", "val"])
    assert "instances_val.json has" in layout.why


def test_coco_in_folders_of_splits_is_recognised(tmp_path):
    data = Planted(tmp_path / "data")
    for split in ("train", "val"):
        folder = data.root / "images" / split
        (folder / "_annotations.coco.json").write_text(json.dumps(data.documents[split]))
        folder.rename(tmp_path / split)
    (tmp_path / "data/annotations").rmdir()
    layout = find_layout(tmp_path)
    assert [(split.name, split.files.path.name) for split in layout.splits] == [("train", "train"), ("val", "val")]


def tarred(root, extra=()):
    """The data set in a tar, under one more folder, with members that are not files."""
    path = root.with_name(f"{root.name}.tar")
    with tarfile.open(path, "w") as packed:
        packed.add(root, "top")
        for name, what in extra:
            info = tarfile.TarInfo(name)
            info.type = what
            packed.addfile(info)
    return path


def planted(root):
    data = Planted(root)
    for plant in (FAULTS["unlisted file"], FAULTS["missing file"], FAULTS["zero height"]):
        plant(data)
    return data


def test_coco_in_an_archive_is_checked_as_in_a_folder(tmp_path):
    root = planted(tmp_path / "data").write()
    there = kinds(root)
    assert {"unlisted_image", "missing_image", "box_empty"} <= {kind for kind, _ in there}
    archive = tarred(root)
    layout = find_layout(archive)
    assert (layout.kind, layout.root, [split.name for split in layout.splits]) == ("COCO", archive, ["train", "val"])
    assert kinds(archive) == there
    (tmp_path / "outer").mkdir()
    assert kinds(archive.rename(tmp_path / "outer/data.tar").parent) == there


def test_faults_of_an_archive_of_several_splits_are_told_once(tmp_path):
    archive = tarred(Planted(tmp_path / "data").write(), [("top/link", tarfile.SYMTYPE)])
    findings = examine(find_layout(archive), threads=1).findings
    assert [(f.kind, f.place) for f in findings] == [("archive_odd_member", "data.tar: top/link")]


def test_coco_in_an_archive_that_auto_refuses_is_examined(tmp_path):
    root = planted(tmp_path / "data").write()
    there = kinds(root)
    archive = tarred(root, [("../evil.png", tarfile.REGTYPE)])
    with pytest.raises(ValueError, match="leads out of the archive"):
        recognise(archive)
    refused = {("archive_escape", "data.tar: ../evil.png"), ("not_recognised", "data.tar")}
    assert kinds(archive) == there | refused
    (tmp_path / "outer").mkdir()
    assert kinds(archive.rename(tmp_path / "outer/data.tar").parent) == there | refused


def test_annotations_in_an_archive_that_cannot_be_read_are_named(tmp_path):
    root = Planted(tmp_path / "data").write()
    (root / "annotations/instances_train.json").write_text("{")
    assert ("unreadable_annotations", "instances_train.json") in kinds(tarred(root))


def test_tt100k_in_an_archive_is_checked_as_in_a_folder(tmp_path):
    root = tmp_path / "data"
    (root / "train").mkdir(parents=True)
    for number in (7, 8):
        (root / f"train/{number}.png").write_bytes(encoded(picture(number)))
    box = {"category": "p1", "bbox": {"xmin": 1, "ymin": 1, "xmax": 9, "ymax": 1}}
    imgs = {str(n): {"path": f"train/{n}.png", "id": n, "objects": [box]} for n in (7, 9)}
    (root / "annotations.json").write_text(json.dumps({"types": ["p1"], "imgs": imgs}))
    there = kinds(root)
    assert {"box_empty", "missing_image", "unlisted_image"} == {kind for kind, _ in there}
    archive = tarred(root)
    assert find_layout(archive).kind == "TT100K"
    assert {kind for kind, _ in kinds(archive)} == {kind for kind, _ in there}
    (root / "annotations.json").write_text(json.dumps({"types": "p1", "imgs": imgs}))
    assert {kind for kind, _ in kinds(tarred(root))} == {kind for kind, _ in kinds(root)}


def test_a_compressed_tar_is_refused_with_the_command_that_helps(tmp_path):
    Planted(tmp_path / "data").write()
    (tmp_path / "outer").mkdir()
    with tarfile.open(tmp_path / "outer/data.tgz", "w:gz") as packed:
        packed.add(tmp_path / "data", "data")
    for path in (tmp_path / "outer", tmp_path / "outer/data.tgz"):
        with pytest.raises(ValueError, match=r"data\.tgz: is a tar compressed with gzip, .*gzip -dc .* > .*data\.tar"):
            find_layout(path)


@pytest.mark.parametrize(
    ("objects", "kind"),
    [
        (box(5, 5, 90, 9), "box_out_of_frame"),
        (box(9, 9, 5, 5), "box_negative"),
        (box("nan", 1, 5, 5), "box_not_finite"),
        (box("", 1, 5, 5), "no_box"),
        (box(1, 1, 9, 9, name=""), "unknown_category"),
        (box(1, 1, 9, 9), "repeated_box"),
    ],
)
def test_faults_of_voc_are_named_by_file_and_object(objects, kind, tmp_path):
    found = kinds(voc(tmp_path, objects))
    assert any(got == kind and "Annotations/0.xml object 2" in place for got, place in found), found


def test_missing_and_malformed_xml_are_named(tmp_path):
    voc(tmp_path)
    (tmp_path / "Annotations/0.xml").unlink()
    (tmp_path / "Annotations/1.xml").write_text("<annotation><object>")
    assert {("missing_xml", "Annotations/0.xml"), ("bad_xml", "Annotations/1.xml")} <= kinds(tmp_path)


def test_sound_voc_is_clean_in_a_folder_and_in_a_tar_inside_one(tmp_path):
    assert kinds(voc(tmp_path / "voc")) == set()
    (tmp_path / "outer").mkdir()
    with tarfile.open(tmp_path / "outer/voc.tar", "w") as packed:
        packed.add(tmp_path / "voc", "voc")
    for place in (tmp_path / "outer", tmp_path / "outer/voc.tar"):
        assert find_layout(place).kind == "VOC"
        assert kinds(place) == set()


def test_what_auto_refuses_is_examined_and_the_refusal_is_quoted(tmp_path):
    lists = voc(tmp_path) / "ImageSets/Main"
    (lists / "train.txt").rename(lists / "trainval.txt")
    (lists / "val.txt").write_text("1")
    with pytest.raises(ValueError, match="have 1 images in common") as refused:
        recognise(tmp_path)
    finding = find_layout(tmp_path).findings[0]
    assert (finding.kind, finding.detail) == ("not_recognised", str(refused.value).removeprefix(f"{tmp_path}: "))


@pytest.mark.parametrize("side", ["9" * 5000, "1" + "0" * 9, "٣", "-5", "1e2"])
def test_a_stated_side_that_no_image_has_is_named_with_its_file(side, tmp_path):
    file = voc(tmp_path) / "Annotations/0.xml"
    file.write_text(file.read_text().replace("<width>64", f"<width>{side}"))
    (found,) = [f for f in examine(find_layout(tmp_path), threads=1).findings if f.kind == "bad_stated_size"]
    assert (found.place, found.detail) == ("Annotations/0.xml", f"{side:.30} x 48")


def test_voc_xml_in_an_unknown_encoding_is_named(tmp_path):
    file = voc(tmp_path) / "Annotations/1.xml"
    file.write_text("<?xml version='1.0' encoding='nonsense'?>" + file.read_text())
    assert ("bad_xml", "Annotations/1.xml") in kinds(tmp_path)


def test_voc_images_are_jpg_for_packing_and_for_the_doctor(tmp_path):
    voc(tmp_path)
    (tmp_path / "JPEGImages/1.jpg").rename(tmp_path / "JPEGImages/1.png")
    assert ("missing_image", "JPEGImages/1.jpg") in kinds(tmp_path)


def test_faults_of_a_zip_are_named_and_its_other_members_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr("cat/1.png", encoded(picture(1)))
        packed.writestr("cat/../../2.png", encoded(picture(2)))
    listing = Listing(tmp_path / "set.zip")
    assert [(kind, place) for kind, place, _ in listing.faults] == [("archive_escape", "set.zip: cat/../../2.png")]
    assert listing.read("cat/1.png") == encoded(picture(1))
    assert list(listing.sizes) == ["cat/1.png"]


def test_archive_whose_data_yaml_occurs_twice_is_told_so(tmp_path):
    for folder, content in (("images", encoded(picture(1))), ("labels", b"0 .5 .5 .5 .5")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ("1.png" if folder == "images" else "1.txt")).write_bytes(content)
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images\n")
    with tarfile.open(tmp_path / "set.tar", "w") as packed:
        for name in ("images", "labels", "data.yaml", "data.yaml"):
            packed.add(tmp_path / name, name)
    assert ("archive_repeated_member", "set.tar: data.yaml") in kinds(tmp_path / "set.tar")


def test_mosaics_are_said_to_be_labelled_images(tmp_path):
    (tmp_path / "train_00.webp").write_bytes(encoded(picture(1), "WEBP", lossless=True))
    layout = find_layout(tmp_path)
    assert (layout.kind, layout.detection) == ("mosaics", False)
    assert [finding.kind for finding in layout.findings] == ["labelled_images"]


def test_tt100k_without_images_says_so_and_its_boxes_are_checked(tmp_path):
    sound, empty = ({"xmin": 1, "ymin": 1, "xmax": x, "ymax": 9} for x in (9, 1))
    objects = [{"category": "p1", "bbox": sound}, {"category": "p1", "bbox": empty}, {"category": "zz", "bbox": sound}]
    imgs = {"7": {"path": "train/7.jpg", "id": 7, "objects": objects}}
    (tmp_path / "annotations.json").write_text(json.dumps({"types": ["p1"], "imgs": imgs}))
    assert {kind for kind, _ in kinds(tmp_path)} == {"images_absent", "box_empty", "unknown_category"}


def test_splits_of_one_name_are_called_after_their_folders_or_by_number(tmp_path):
    imgs = {"7": {"path": "train/7.jpg", "id": 7, "objects": []}, "8": {"path": "Test/8.jpg", "id": 9, "objects": []}}
    for place in ("annotations.json", "annotations_old.json", "a/annotations.json", "a/annotations_old.json"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(json.dumps({"types": ["p1"], "imgs": imgs}))
    place = JsonFolder(tmp_path)
    layout = json_layout(place, place.json_files())
    folder = tmp_path.name
    names = ["train", "Test", f"{folder}-train", f"{folder}-Test", "a-train", "a-Test", "train-2", "Test-2"]
    assert [split.name for split in layout.splits] == names
    assert [finding.split for split in layout.splits for finding in split.findings] == names[1::2]  # id 9 is not 8


@pytest.mark.parametrize(
    ("key", "entry", "kind"),
    [
        ("x", {}, "bad_image_id"),
        ("8", {"id": 9}, "bad_image_id"),
        ("8", {"path": "8.jpg"}, "no_file_name"),
        ("8", {"path": "train/../8.jpg"}, "escaping_file_name"),
        ("8", {"path": "train/7.jpg"}, "repeated_file_name"),
        ("8", {"objects": None}, "odd_entry"),
        ("8", {"objects": [{"category": "p1", "bbox": {"xmin": 1}}]}, "no_box"),
        ("8", {"objects": [{"category": "p1", "bbox": [1, 2, 3, 4]}]}, "no_box"),
    ],
)
def test_faults_of_tt100k_that_its_source_refuses_are_named(key, entry, kind, tmp_path):
    sound = {"path": "train/7.jpg", "id": 7, "objects": []}
    imgs = {"7": sound, key: {"path": "train/8.jpg", "objects": []} | entry}
    (tmp_path / "annotations.json").write_text(json.dumps({"types": ["p1"], "imgs": imgs}))
    assert kind in {found for found, _ in kinds(tmp_path)}


def test_pictures_with_label_masks_are_no_detection_data_set(tmp_path):
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    for index in range(3):
        (tmp_path / f"train/{index}.jpg").write_bytes(encoded(picture(index), "JPEG"))
        (tmp_path / f"trainannot/{index}.png").write_bytes(encoded((picture(index)[..., 0] > 99).astype(np.uint8)))
    layout = find_layout(tmp_path)
    assert (layout.kind, layout.detection, [split.name for split in layout.splits]) == ("label masks", False, ["train"])
    assert kinds(tmp_path) == {("not_detection", tmp_path.name)}


def test_class_folders_have_their_images_and_classes_checked(tmp_path):
    for place in ("train/cat/1.png", "train/dog/2.png", "val/cat/3.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(encoded(picture(int(place[-5]))))
    (tmp_path / "val/cat/4.png").write_bytes(b"no image")
    assert kinds(tmp_path) == {("class_absent", "dog"), ("not_an_image", "val/cat/4.png")}


@pytest.mark.parametrize("folder", ["", "train/"])
def test_class_folders_without_val_are_known_too(tmp_path, folder):
    for place in ("cat/1.png", "cat/2.png", "dog/3.png"):
        (tmp_path / folder / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / place).write_bytes(encoded(picture(int(place[-5]))))
    (tmp_path / folder / "cat/2.png").write_bytes(b"no image")
    assert kinds(tmp_path) == {("not_an_image", f"{folder}cat/2.png")}
    (split,) = find_layout(tmp_path).splits
    assert (split.name, split.origin, len(split.images)) == ("train", str(tmp_path / folder), 3)
    assert split.categories == ["cat", "dog"]


def test_an_exif_rotation_is_no_fault_of_an_image_without_boxes(tmp_path):
    for place, content in (("cat/1.png", rotated(6, "PNG")), ("dog/2.png", encoded(picture(2)))):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(content)
    assert kinds(tmp_path) == set()
    (tmp_path / "dog/3.png").write_bytes(encoded(np.rot90(picture(906), -1)))
    assert kinds(tmp_path) == {("duplicate_within", "dog/3.png")}


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither annotations nor pictures"):
        find_layout(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda document: '{"images": [', "unreadable_annotations"),
        (lambda document: json.dumps(document | {"images": []}), "no_images_listed"),
        (lambda document: json.dumps({k: v for k, v in document.items() if k != "categories"}), "missing_section"),
    ],
)
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_whose_annotations_are_damaged_does_not_vanish(tmp_path, split, spoil, kind):
    data = Planted(tmp_path)
    root = data.write()
    (root / f"annotations/instances_{split}.json").write_text(spoil(data.documents[split]))
    assert kind in {found for found, _ in kinds(root)}


def test_a_first_annotation_without_a_box_is_told(tmp_path):
    data = Planted(tmp_path)
    del data.documents["val"]["annotations"][0]["bbox"]
    assert "no_box" in {found for found, _ in kinds(data.write())}
