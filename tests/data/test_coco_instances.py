import json

import numpy as np
import pytest

from lowres.data.coco_instances import CocoInstances, truth_of

IMAGE = {"id": 4, "file_name": "a.jpg", "width": 60, "height": 40}
BOX = {"id": 1, "image_id": 4, "category_id": 8, "bbox": [1, 2, 10, 20]}


def instances(tmp_path, **changes):
    document = {"images": [IMAGE], "annotations": [BOX], "categories": [{"id": 8, "name": "b"}, {"id": 2, "name": "a"}]}
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document | changes))
    return CocoInstances(path)


def test_truth_has_labels_by_ascending_category_id_and_the_boxs_area_where_none_is_given(tmp_path):
    (image,) = truth_of(instances(tmp_path, annotations=[BOX, BOX | {"id": 2, "area": 7, "iscrowd": 1}]))
    assert (image.image_id, image.width, image.height) == (4, 60, 40)
    np.testing.assert_array_equal(image.boxes_xyxy_px, [[1, 2, 11, 22]] * 2)
    np.testing.assert_array_equal(image.labels, [1, 1])
    np.testing.assert_array_equal(image.area_px, [200, 7])
    np.testing.assert_array_equal(image.iscrowd, [False, True])


def test_an_image_without_objects_is_an_image(tmp_path):
    (image,) = truth_of(instances(tmp_path, annotations=[]))
    assert image.boxes_xyxy_px.shape == (0, 4)


def test_two_annotations_of_one_id_cannot_be_evaluated_against(tmp_path):
    with pytest.raises(ValueError, match=r"instances\.json: annotations\[2\]\.id 1 occurs twice; give each its own id"):
        truth_of(instances(tmp_path, annotations=[BOX, BOX | {"id": 2}, BOX]))
    without = {key: value for key, value in BOX.items() if key != "id"}
    assert len(truth_of(instances(tmp_path, annotations=[without, without]))[0].labels) == 2


@pytest.mark.parametrize("size", [{"width": None}, {"height": 0}, {"width": "60"}])
def test_an_image_without_its_size_cannot_be_evaluated_against(tmp_path, size):
    with pytest.raises(ValueError, match=r"images\[0\] has no width and height"):
        truth_of(instances(tmp_path, images=[IMAGE | size]))


def test_truth_keeps_widths_and_heights_as_stated(tmp_path):
    box = [33.33, 71.77, 40.1, 30.7]  # (33.33 + 40.1) - 33.33 is another number in floats
    (image,) = truth_of(instances(tmp_path, annotations=[BOX | {"bbox": box}]))
    assert image.boxes_xywh_px.tolist() == [box]
    assert image.area_px.tolist() == [40.1 * 30.7]


def test_crowds_are_told_by_0_and_1_also_as_true_and_false_and_none_is_no_crowd(tmp_path):
    values = [0, 1, False, True, 1.0, None]
    boxes = [BOX | {"id": number, "iscrowd": value} for number, value in enumerate(values)]
    (image,) = truth_of(instances(tmp_path, annotations=boxes))
    assert image.iscrowd.tolist() == [False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 0, 20]}, r"instances\.json: annotations\[1\]\.bbox is \[1, 2, 0, 20\]; it must be"),
        ({"bbox": [1, 2, -3, 20]}, r"annotations\[1\]\.bbox is \[1, 2, -3, 20\]"),
        ({"bbox": [1, 2, 3]}, r"annotations\[1\]\.bbox is \[1, 2, 3\]"),
        (
            {"iscrowd": 2},
            r"instances\.json: annotations\[1\]\.iscrowd is 2; it must be 1 for a crowd and 0 for a single",
        ),
        ({"iscrowd": -1}, r"annotations\[1\]\.iscrowd is -1"),
        ({"iscrowd": 0.5}, r"annotations\[1\]\.iscrowd is 0\.5"),
        ({"iscrowd": "0"}, r"annotations\[1\]\.iscrowd is '0'"),
        ({"iscrowd": []}, r"annotations\[1\]\.iscrowd is \[\]"),
        ({"area": -4}, r"instances\.json: annotations\[1\]\.area is -4; it must be 0 px\^2 or more"),
    ],
)
def test_objects_that_cannot_be_evaluated_against_are_named_with_their_file(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        truth_of(instances(tmp_path, annotations=[BOX, BOX | {"id": 2} | change]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 99}, r"instances\.json: annotations\[0\]\.image_id is 99, not an id in 'images'"),
        ({"category_id": None}, r"annotations\[0\]\.category_id is None, not an id in 'categories'"),
    ],
)
def test_an_annotation_of_what_is_not_there_cannot_be_evaluated_against(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        instances(tmp_path, annotations=[BOX | change])
