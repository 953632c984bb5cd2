import json
import math

import pytest

from lowres.data.coco import CocoSource
from lowres.data.sources import Category, check_same_categories


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_images_and_boxes_arrive_as_written(coco, picture):
    image_id = coco.add(picture(20, 10), [(1, 2, 3, 4), (5, 5, 2, 2)], category_id=3, area=11.5, iscrowd=1)
    (image,) = coco.source()
    assert (image.image_id, image.file_name, image.stated_wh_px) == (image_id, "10.png", (20, 10))
    assert image.boxes_xyxy_px.tolist() == [[1, 2, 4, 6], [5, 5, 7, 7]]
    assert image.category_ids.tolist() == [3, 3]
    assert image.iscrowd.tolist() == [True, True]
    assert image.area_px.tolist() == [11.5, 11.5]
    assert image.read() == (coco.images / "10.png").read_bytes()


def test_labels_follow_ascending_category_ids(coco, picture):
    coco.add(picture(8, 8))
    assert coco.source().categories == [Category(3, "cat"), Category(7, "dog")]


def test_image_without_boxes_or_size_is_allowed(coco, picture):
    coco.add(picture(8, 8))
    del coco.document["images"][0]["width"]
    (image,) = coco.source()
    assert image.boxes_xyxy_px.shape == (0, 4)
    assert image.stated_wh_px is None


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], "1234", [1, 2, 3, "4"], [1, 2, math.nan, 4], [10**400, 0, 1, 1]])
def test_box_that_is_not_four_numbers_becomes_nan(coco, picture, bbox):
    coco.add(picture(8, 8), [(0, 0, 1, 1)])
    coco.document["annotations"][0]["bbox"] = bbox
    (image,) = coco.source()
    assert not math.isfinite(image.boxes_xyxy_px.sum())


def test_missing_annotation_file_is_named(coco):
    with pytest.raises(ValueError, match=r"instances\.json: no such annotation file") as caught:
        CocoSource(coco.images, coco.annotations)
    one_line(caught)


def test_missing_image_folder_is_named(coco, picture):
    coco.add(picture(8, 8))
    coco.source()
    with pytest.raises(ValueError, match="nowhere: no such folder or tar"):
        CocoSource(coco.images.with_name("nowhere"), coco.annotations)


@pytest.mark.parametrize("text", ['{"images": [', "", "\ufeff", "[" * 100_000])
def test_malformed_json_is_one_line(coco, text):
    coco.annotations.write_text(text)
    with pytest.raises(ValueError, match="malformed JSON") as caught:
        CocoSource(coco.images, coco.annotations)
    one_line(caught)


@pytest.mark.parametrize("value", [[], 3, None, "images"])
def test_json_of_another_shape_is_refused(coco, value):
    coco.annotations.write_text(json.dumps(value))
    with pytest.raises(ValueError, match=r"instances\.json: holds a JSON"):
        CocoSource(coco.images, coco.annotations)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda d: d.pop("annotations"), "'annotations' is missing"),
        (lambda d: d.update(images={}), "'images' is a dict"),
        (lambda d: d.update(images=[], annotations=[]), "'images' is empty; a split needs at least one image"),
        (lambda d: d["images"].append("x"), r"images\[2\] is 'x'"),
        (lambda d: d["images"][1].update(id=10), r"images\[1\]\.id 10 occurs twice"),
        (lambda d: d["images"][1].update(id="b"), r"images\[1\]\.id is 'b'; ids are whole numbers"),
        (lambda d: d["images"][1].update(id=2**63), r"images\[1\]\.id is 9223372036854775808"),
        (lambda d: d["images"][0].update(file_name=""), r"images\[0\]\.file_name is ''"),
        (lambda d: d["images"][0].pop("file_name"), r"images\[0\]\.file_name is None"),
        (lambda d: d.update(categories=[]), "'categories' is empty"),
        (lambda d: d.update(categories=[{"id": 7, "name": "a"}] * 2), r"categories\[1\]\.id 7 occurs twice"),
        (lambda d: d.update(categories=[{"id": 7, "name": "a"}, {"id": 8, "name": "a"}]), "7 and 8 are both 'a'"),
        (lambda d: d.update(categories=[{"id": 7}]), r"categories\[0\]\.name is None"),
    ],
)
def test_ambiguous_document_is_one_clear_line(coco, picture, fault, message):
    coco.add(picture(8, 8), [(0, 0, 1, 1)])
    coco.add(picture(8, 8), [(0, 0, 1, 1)])
    coco.document = json.loads(json.dumps(coco.document))
    fault(coco.document)
    with pytest.raises(ValueError, match=message) as caught:
        coco.source()
    assert one_line(caught).startswith(str(coco.annotations))


@pytest.mark.parametrize(
    ("change", "reason", "message", "owner"),
    [
        ({"image_id": 99}, "unknown image", "image_id is 99, not an id in 'images'; add the image or drop the box", 0),
        ({"image_id": []}, "unknown image", "image_id is [], not an id in 'images'; add the image or drop the box", 0),
        ({"category_id": 4}, "unknown category", "category_id is 4, not an id in 'categories'; correct one of", 1),
    ],
)
def test_annotation_of_what_is_not_there_is_left_to_packing(coco, picture, change, reason, message, owner):
    for _ in range(2):
        coco.add(picture(8, 8), [(0, 0, 1, 1)])
    coco.document["annotations"][1] |= change
    images = list(coco.source())
    assert [len(image.category_ids) for image in images] == [1, 0]
    ((place, why, told),) = images[owner].faults
    assert (place, why) == ("annotations[1]", reason)
    assert told.startswith(message)
    assert images[1 - owner].faults == ()


def test_category_mismatch_between_splits_names_the_class(new_coco, picture):
    train, val = new_coco("train"), new_coco("val")
    train.add(picture(8, 8))
    val.add(picture(8, 8))
    check_same_categories({"train": train.source(), "val": val.source()})
    val.document["categories"] = [{"id": 3, "name": "cat"}, {"id": 7, "name": "wolf"}]
    with pytest.raises(ValueError, match="id 7 'dog' is in 'train' but not in 'val'") as caught:
        check_same_categories({"train": train.source(), "val": val.source()})
    one_line(caught)
