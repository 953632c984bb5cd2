import json

import numpy as np
import pytest

from lowres.evaluation.coco_results import read_coco_results

GOOD = {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "score": 0.5}


def read(tmp_path, document):
    path = tmp_path / "results.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_coco_results(path, labels={3: 0, 5: 1}, image_ids=[7, 8])


def test_boxes_become_corners_and_categories_labels(tmp_path):
    other = {"image_id": 7, "category_id": 5, "bbox": [0, 0, 1.5, 2], "score": 1}
    found = read(tmp_path, [GOOD, other])
    (image,) = found.detections
    assert image.image_id == 7
    np.testing.assert_array_equal(image.boxes_xyxy_px, [[10, 20, 40, 60], [0, 0, 1.5, 2]])
    np.testing.assert_array_equal(image.boxes_xywh_px, [[10, 20, 30, 40], [0, 0, 1.5, 2]])
    np.testing.assert_array_equal(image.labels, [0, 1])
    np.testing.assert_array_equal(image.scores, [0.5, 1.0])
    assert (found.without_area, found.unknown_categories) == (0, {})


def test_what_cannot_be_scored_is_counted(tmp_path):
    found = read(tmp_path, [GOOD | {"category_id": 9}, GOOD | {"category_id": 9}])
    assert found.detections == []
    assert (found.without_area, found.unknown_categories) == (0, {9: 2})


def test_boxes_without_area_are_kept_and_counted(tmp_path):
    found = read(tmp_path, [GOOD, GOOD | {"bbox": [1, 1, 0, 5]}, GOOD | {"bbox": [1, 1, 0, 0]}])
    assert len(found.detections[0].scores) == 3
    assert found.without_area == 2


def test_widths_and_heights_stay_as_the_file_has_them(tmp_path):
    box = [33.33, 71.77, 40.1, 1e-20]  # (33.33 + 40.1) - 33.33 is another number in floats
    assert read(tmp_path, [GOOD | {"bbox": box}]).detections[0].boxes_xywh_px.tolist() == [box]


def test_an_empty_list_holds_no_detections(tmp_path):
    assert read(tmp_path, []).detections == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[{", "malformed JSON"),
        ({"images": []}, "holds a JSON dict; COCO results are a list"),
        ([3], r"\[0\] is 3; it must be an object"),
        ([GOOD | {"image_id": 9}], r"\[0\].image_id 9 is not in the annotations"),
        ([GOOD | {"image_id": "7"}], r"\[0\].image_id is '7'; it must be a whole number"),
        ([GOOD | {"category_id": None}], r"\[0\].category_id is None"),
        ([GOOD, GOOD | {"bbox": [1, 2, 3]}], r"\[1\].bbox is \[1, 2, 3\]; it must be four numbers"),
        ('[{"image_id": 7, "category_id": 3, "bbox": [NaN, 0, 1, 1], "score": 0.5}]', r"\[0\].bbox is \[nan"),
        ([GOOD | {"bbox": [1, 2, -3, 4]}], r"\[0\].bbox is \[1, 2, -3, 4\]; width and height cannot be negative"),
        ([GOOD | {"score": 1.2}], r"\[0\].score is 1.2; .* from 0 to 1: divide all scores by the highest"),
        ([{key: GOOD[key] for key in ("image_id", "category_id", "bbox")}], r"\[0\].score is None"),
    ],
)
def test_what_is_malformed_is_refused_by_place(tmp_path, document, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, document)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json: no such file"):
        read_coco_results(tmp_path / "none.json", labels={}, image_ids=[])
