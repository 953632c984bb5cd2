import pytest
from tests.data.doctor.corpus import HEIGHT, WIDTH, Planted

from lowres.data.doctor.examine import examine
from lowres.data.doctor.findings import KINDS, Severity
from lowres.data.doctor.layouts import find_layout

WHOLE = ("no_object_in_split", "boxes_normalised", "boxes_as_corners")


def found(data):
    findings = examine(find_layout(data.write()), threads=1).findings
    return [(finding.kind, finding.split, finding.detail) for finding in findings if finding.kind in WHOLE]


def rewrite(data, change, split="train"):
    for entry in data.documents[split]["annotations"]:
        entry["bbox"] = change(*entry["bbox"])


def test_split_without_any_object_is_an_error(tmp_path):
    data = Planted(tmp_path)
    data.documents["val"]["annotations"] = []
    assert found(data) == [("no_object_in_split", "val", "4 images")]
    assert all(KINDS[kind].severity is Severity.ERROR for kind in WHOLE)


def test_split_of_crowds_alone_has_no_object(tmp_path):
    data = Planted(tmp_path)
    data.documents["val"]["annotations"] = [data.documents["val"]["annotations"][0] | {"iscrowd": 1}]
    assert found(data) == [("no_object_in_split", "val", "4 images, with crowds alone")]


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y, w, h: [x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT],
        lambda x, y, w, h: [x / WIDTH, y / HEIGHT, (x + w) / WIDTH, (y + h) / HEIGHT],
    ],
)
def test_boxes_in_shares_of_the_image_are_an_error(change, tmp_path):
    data = Planted(tmp_path)
    rewrite(data, change)
    assert found(data) == [("boxes_normalised", "train", "12 of 12 boxes lie within 2 px of the image's corner")]


def test_corners_written_as_sides_are_suspected_where_many_reach_out_and_as_corners_none_do(tmp_path):
    data = Planted(tmp_path)
    rewrite(data, lambda x, y, w, h: [x + 20, y + 20, x + 20 + w, y + 20 + h])
    told = "12 of 12 boxes reach out of their image, 0 if read as corners x1, y1, x2, y2"
    assert found(data) == [("boxes_as_corners", "train", told)]


def test_large_boxes_that_reach_out_are_no_corners(tmp_path):
    data = Planted(tmp_path)
    rewrite(data, lambda x, y, w, h: [x + 40, y, w, h])  # x 44 to 64 and 54 to 74: half of them reach out
    assert found(data) == []


def test_few_boxes_that_reach_out_are_no_sign_of_corners(tmp_path):
    data = Planted(tmp_path)
    for _ in range(3):
        data.box("train", 1, [20, 20, 50, 45])
    assert found(data) == []
