import json

import numpy as np
import pytest
from tests.data.doctor.corpus import Planted, encoded, picture

from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout


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


def test_sound_voc_is_clean(tmp_path):
    assert kinds(voc(tmp_path)) == set()


def test_tt100k_without_images_says_so_and_its_boxes_are_checked(tmp_path):
    sound, empty = ({"xmin": 1, "ymin": 1, "xmax": x, "ymax": 9} for x in (9, 1))
    objects = [{"category": "p1", "bbox": sound}, {"category": "p1", "bbox": empty}, {"category": "zz", "bbox": sound}]
    imgs = {"7": {"path": "train/7.jpg", "id": 7, "objects": objects}}
    (tmp_path / "annotations.json").write_text(json.dumps({"types": ["p1"], "imgs": imgs}))
    assert {kind for kind, _ in kinds(tmp_path)} == {"images_absent", "box_empty", "unknown_category"}


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


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither annotations nor pictures"):
        find_layout(tmp_path)
