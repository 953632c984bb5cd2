import json
import math

import pytest

from lowres.evaluation.tt100k_annotations import read_annotations

BOX = {"xmin": 1.0, "ymin": 2.0, "xmax": 31.0, "ymax": 42.0}


def image(path, *objects):
    return {"path": path, "id": 1, "objects": list(objects)}


def sign(category="pl40", bbox=BOX, **more):
    return {"category": category, "bbox": bbox, **more}


def document(**images):
    return {"types": ["pl40", "i2", "w1"], "imgs": images or {"1": image("test/1.jpg", sign())}}


@pytest.fixture
def read(tmp_path):
    def read_document(content, **options):
        path = tmp_path / "annotations.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_annotations(path, **options)

    return read_document


def test_the_split_is_the_first_folder_of_the_path(read):
    content = {
        "a": image("train/1.jpg", sign()),
        "b": image("test/2.jpg", sign(), sign("i2")),
        "c": image("other/3.jpg"),
    }
    known = read(document(**content))
    assert [(i.image_id, i.categories) for i in known.truth] == [("b", ("pl40", "i2"))]
    assert known.truth[0].boxes_xyxy_px.tolist() == [[1, 2, 31, 42]] * 2
    assert known.other_image_ids == {"a", "c"}
    assert known.types == {"pl40", "i2", "w1"}
    assert [i.image_id for i in read(document(**content), split="train").truth] == ["a"]


def test_an_image_without_signs_belongs_to_the_split(read):
    (only,) = read(document(a=image("test/1.jpg"))).truth
    assert (only.categories, only.boxes_xyxy_px.shape) == ((), (0, 4))


def test_the_outlines_of_2021_are_not_in_the_way(read):
    outlined = sign(ellipse_org=[[1, 2]], ellipse=[[1, 2], [3, 4], 0.5], polygon=[[1, 2], [3, 4]])
    assert read(document(a=image("test/1.jpg", outlined))).truth[0].categories == ("pl40",)


def test_boxes_of_other_splits_are_not_looked_at(read):
    broken = image("train/1.jpg", sign(bbox=None))
    assert len(read(document(a=broken, b=image("test/2.jpg"))).truth) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "annotations.json: malformed JSON"),
        ({"imgs": {}}, "annotations.json: has no list of class names 'types'; is it a file of results"),
        ({"types": [], "imgs": {}}, "no image's path begins with 'test/'; splits in the file: none"),
        (document(a=image("train/1.jpg"), b=image("train/2.jpg")), r"splits in the file: train \(2\)"),
        (document(a={"objects": []}), r"imgs\['a'\].path is None; it must be split and file"),
        (document(a=[]), r"imgs\['a'\].path is None"),
        (document(a=image("1.jpg")), r"imgs\['a'\].path is '1.jpg'"),
        (
            document(a=image("test/1.jpg"), b=image("test/1.jpg")),
            r"imgs\['b'\].path 'test/1.jpg' is also that of image 'a'",
        ),
        ('{"types": [], "imgs": {"a": {}, "a": {}}}', "the key 'a' occurs twice"),
        (document(a={"path": "test/1.jpg"}), r"imgs\['a'\]: has no list 'objects'"),
        (document(a=image("test/1.jpg", sign(), sign("pl41"))), r"objects\[1\].category 'pl41' is not in 'types'"),
        (document(a=image("test/1.jpg", sign(None))), r"objects\[0\].category is None"),
        (document(a=image("test/1.jpg", sign(bbox=None))), r"imgs\['a'\].objects\[0\].bbox is None"),
        (document(a=image("test/1.jpg", sign(bbox=BOX | {"ymin": math.nan}))), r"objects\[0\].bbox.ymin is nan"),
        (document(a=image("test/1.jpg", sign(bbox=BOX | {"ymin": 50}))), "ymax 42 is less than ymin 50"),
    ],
)
def test_what_is_malformed_is_refused_by_file_image_and_field(read, content, message):
    with pytest.raises(ValueError, match=message):
        read(content)
