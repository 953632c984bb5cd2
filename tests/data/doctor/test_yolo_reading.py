import zipfile

import pytest
from tests.data.doctor.corpus import encoded, picture

from lowres.data.build import build_splits
from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout

YAML = "names: [cat, dog]\ntrain: train/images\nval: val/images\n"
SOUND = "0 0.5 0.5 0.25 0.5\n"


@pytest.fixture
def root(tmp_path):
    """Three images of train and one of val, one object each, no fault."""
    put(tmp_path / "set", "data.yaml", YAML)
    for number, place in enumerate(("train/images/a", "train/images/b", "train/images/c", "val/images/d")):
        put(tmp_path / "set", f"{place}.png", encoded(picture(number)))
        put(tmp_path / "set", f"{place.replace('images', 'labels')}.txt", SOUND + f"1 0.3 0.3 0.{number + 1} 0.2\n")
    return tmp_path / "set"


def put(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def told(root):
    findings = examine(find_layout(root), threads=1).findings
    return {(finding.kind, finding.place) for finding in findings}


def test_sound_yolo_is_clean_in_a_folder_and_in_a_zip(root):
    with zipfile.ZipFile(root.parent / "set.zip", "w") as packed:
        for file in sorted(root.rglob("*.*")):
            packed.write(file, file.relative_to(root))
    for place in (root, root.parent / "set.zip"):
        layout = find_layout(place)
        assert layout.kind == "YOLO"
        assert layout.why == "data.yaml has names, train, val"
        assert told(place) == set()


def test_boxes_are_those_of_the_source(root):
    layout = find_layout(root)
    settings = {"kind": "auto", "root": str(root)}
    source = build_splits(settings, scratch=root, counting=lambda label, total: None)["train"]
    for mine, its in zip(layout.splits[0].images, source, strict=True):
        assert mine.key == its.file_name
        assert [list(entry.box_xyxy_px) for entry in mine.objects] == its.boxes_xyxy_px.tolist()
        assert [entry.category for entry in mine.objects] == its.category_ids.tolist()


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("0 0.5 0.5 0.2", {"bad_label_line"}),
        ("0 0.5 0.5 0.2 0.2 0.9", {"bad_label_line"}),
        ("cat 0.5 0.5 0.2 0.2", {"bad_label_line"}),
        ("2 0.5 0.5 0.2 0.2", {"unknown_category"}),
        ("-1 0.5 0.5 0.2 0.2", {"unknown_category"}),
        ("nan 0.5 0.5 0.2 0.2", {"unknown_category"}),
        ("0 nan 0.5 0.2 0.2", {"box_not_finite"}),
        ("0 inf 0.5 0.2 0.2", {"box_not_finite", "value_outside"}),
        ("0 0.9 0.5 0.4 0.2", {"box_out_of_frame"}),
        ("0 1.1 0.5 0.4 0.2", {"box_out_of_frame", "value_outside"}),
        ("0 320 240 40 40", {"box_outside", "value_outside"}),
        ("0 0.5 0.5 -0.2 0.2", {"box_negative", "value_outside"}),
        ("0 0.5 0.5 0 0.2", {"box_empty"}),
        (SOUND.strip(), {"repeated_box"}),
        ("0 0.1 0.1 0.4 0.1 0.4 0.4", set()),  # a polygon
    ],
)
def test_a_faulty_line_is_named_by_file_and_number(root, line, kinds):
    put(root, "train/labels/a.txt", SOUND + line + "\n")
    found = told(root)
    assert {kind for kind, _ in found} - {"class_absent"} == kinds
    assert all("train/labels/a.txt:2" in place for kind, place in found if kind in kinds)


@pytest.mark.parametrize(
    ("yaml", "kind", "place"),
    [
        ('names: [cat, ""]\ntrain: train/images\nval: val/images', "bad_category_name", "data.yaml"),
        ("names: [cat, cat]\ntrain: train/images\nval: val/images", "repeated_category_name", "data.yaml"),
        ("names: {1: cat, 2: dog}\ntrain: train/images\nval: val/images", "bad_category_id", "data.yaml"),
        ("names: []\ntrain: train/images\nval: val/images", "no_categories", "data.yaml"),
        (YAML + "nc: 3", "class_count_differs", "data.yaml"),
        (YAML.replace("val/images", "gone"), "no_images_listed", "data.yaml"),
        (YAML.replace("val/images", "gone.txt"), "unreadable_annotations", "data.yaml"),
        (YAML.replace("val/images", "7"), "odd_entry", "data.yaml"),
        (YAML.replace("val/images", "[val/images, val]"), "repeated_file_name", "data.yaml"),
        (YAML.replace("train: train/images", ""), "not_recognised", "set"),
    ],
)
def test_faults_of_data_yaml_are_named(root, yaml, kind, place):
    put(root, "data.yaml", yaml)
    assert (kind, place) in told(root)


def test_missing_files_are_named(root):
    (root / "train/images/a.png").unlink()
    (root / "train/labels/b.txt").unlink()
    put(root, "train/labels/notes.txt", "hand-drawn by two people in 2024")
    found = told(root)
    assert {("missing_image", "train/labels/a.txt"), ("missing_labels", "train/images/b.png")} <= found
    assert not any("notes" in place for _, place in found)


def test_lines_of_a_list_that_name_no_file_are_named(root):
    put(root, "data.yaml", YAML.replace("train/images", "train.txt"))
    put(root, "train.txt", "train/images/a.png\ntrain/images/gone.png\n")
    assert ("missing_image", "data.yaml") in told(root)


def test_no_label_file_shared_ones_and_boxes_in_pixels_are_named_for_the_split(root):
    put(root, "val/labels/d.txt", "0 32 24 8 8\n")
    put(root, "train/images/a.jpg", encoded(picture(9), "JPEG"))
    found = told(root)
    assert {("boxes_in_pixels", "data.yaml: val"), ("shared_label_file", "train/images/a.png")} <= found
    (root / "val/labels/d.txt").unlink()
    assert ("no_label_files", "data.yaml") in told(root)


def test_two_layouts_are_refused_as_by_auto(root):
    put(root, "other.yaml", YAML)
    with pytest.raises(ValueError, match=r"more than one layout: yolo .*; yolo"):
        find_layout(root)
