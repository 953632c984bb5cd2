"""Each input that pycocotools takes in silence, or dies of, is one clear line here."""

import contextlib
import dataclasses
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lowres.evaluation.checks import check_detections, check_truth
from lowres.evaluation.coco import evaluate_detections

ONE = pytest.approx(1, abs=1e-12)
BOX = (10.0, 10.0, 30.0, 30.0)


def evaluate(truth, detections):
    return evaluate_detections(truth, detections, class_names=("a", "b"))


def pycocotools_ap(annotation, box):
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [annotation]}
        gold.createIndex()
        found = gold.loadRes([{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.5}] if box else [])
        evaluator = COCOeval(gold, found, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats[0]


def test_the_traps_are_still_in_pycocotools():
    """When one of these changes, the front may shrink."""
    good = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0}
    assert pycocotools_ap(good, [10, 10, 20, 20]) == ONE
    assert pycocotools_ap(good | {"id": 0}, [10, 10, 20, 20]) == 0.0
    assert pycocotools_ap(good | {"bbox": [float("nan")] * 4}, [100, 100, 5, 5]) == ONE
    with pytest.raises(KeyError):
        pycocotools_ap({k: v for k, v in good.items() if k != "area"}, [10, 10, 20, 20])
    with pytest.raises(IndexError):
        pycocotools_ap(good, None)


def test_the_first_annotation_counts(truth_of, found_of):
    assert evaluate([truth_of(0, (0, *BOX))], [found_of(0, (0, 0.5, *BOX))]).ap == ONE


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("corner", range(4))
def test_truth_that_is_not_finite_is_refused(truth_of, value, corner):
    image = truth_of(7, (0, *BOX))
    image.boxes_xyxy_px[0, corner] = value
    with pytest.raises(ValueError, match=r"truth of image 7: box .* is not finite"):
        evaluate([image], [])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_detections_that_are_not_finite_are_refused(truth_of, found_of, value):
    found = found_of(7, (0, 0.5, *BOX))
    found.boxes_xyxy_px[0, 2] = value
    with pytest.raises(ValueError, match=r"detections of image 7: box .* is not finite"):
        evaluate([truth_of(7)], [found])


@pytest.mark.parametrize("box", [(30.0, 10.0, 10.0, 30.0), (10.0, 30.0, 30.0, 10.0)])
def test_detections_that_end_before_they_begin_are_refused(truth_of, found_of, box):
    with pytest.raises(ValueError, match=r"detections of image 1: box .* ends before it begins"):
        evaluate([truth_of(1)], [found_of(1, (0, 0.5, *box))])


def test_a_detection_without_area_is_a_false_positive(truth_of, found_of):
    found = found_of(1, (0, 0.9, 10.0, 10.0, 10.0, 30.0), (0, 0.5, *BOX))
    assert evaluate([truth_of(1, (0, *BOX))], [found]).ap == pytest.approx(0.5, abs=1e-12)


def test_sides_that_are_not_those_of_the_boxes_are_refused(truth_of):
    image = dataclasses.replace(truth_of(1, (0, *BOX)), sides_wh_px=np.array([[20.0, 21.0]]))
    with pytest.raises(ValueError, match=r"truth of image 1: sides_wh_px \[20.0, 21.0\] are not those of box"):
        evaluate([image], [])
    with pytest.raises(ValueError, match="sides_wh_px has 0 rows for 1 boxes"):
        evaluate([dataclasses.replace(image, sides_wh_px=np.zeros((0, 2)))], [])


@pytest.mark.parametrize("box", [(30.0, 10.0, 10.0, 30.0), (10.0, 10.0, 10.0, 30.0), (10.0, 30.0, 30.0, 10.0)])
def test_truth_without_positive_size_is_refused(truth_of, box):
    with pytest.raises(ValueError, match=r"truth of image 1: box .* no positive width and height"):
        evaluate([truth_of(1, (0, *box))], [])


@pytest.mark.parametrize("score", [-0.01, 1.01, np.nan, 7.3])
def test_scores_outside_0_to_1_are_refused(truth_of, found_of, score):
    with pytest.raises(ValueError, match=r"score .* is outside \[0, 1\]; give probabilities"):
        evaluate([truth_of(1)], [found_of(1, (0, score, *BOX))])


@pytest.mark.parametrize("label", [-1, 2, 91])
def test_labels_out_of_range_are_refused(truth_of, found_of, label):
    with pytest.raises(ValueError, match=f"detections of image 1: label {label} is outside 0 to 1"):
        evaluate([truth_of(1)], [found_of(1, (label, 0.5, *BOX))])
    with pytest.raises(ValueError, match=f"truth of image 1: label {label} is outside 0 to 1"):
        evaluate([truth_of(1, (label, *BOX))], [])


def test_labels_that_are_not_integers_are_refused(truth_of, found_of):
    found = dataclasses.replace(found_of(1, (0, 0.5, *BOX)), labels=np.array([0.0]))
    with pytest.raises(ValueError, match="labels are float64; give integers"):
        evaluate([truth_of(1)], [found])


def test_unknown_images_are_refused(truth_of, found_of):
    with pytest.raises(ValueError, match="detections of image 2: not in the truth"):
        evaluate([truth_of(1)], [found_of(2)])


def test_repeated_images_are_refused(truth_of, found_of):
    with pytest.raises(ValueError, match="truth: image 1 appears twice"):
        evaluate([truth_of(1), truth_of(1)], [])
    with pytest.raises(ValueError, match="detections: image 1 appears twice"):
        evaluate([truth_of(1)], [found_of(1), found_of(1)])


@pytest.mark.parametrize("field", ["labels", "iscrowd", "area_px"])
def test_truth_arrays_of_another_length_are_refused(truth_of, field):
    image = truth_of(1, (0, *BOX), (1, *BOX))
    with pytest.raises(ValueError, match=r"truth of image 1: .* shape \(1,\) for 2 boxes"):
        evaluate([dataclasses.replace(image, **{field: getattr(image, field)[:1]})], [])


@pytest.mark.parametrize("field", ["labels", "scores"])
def test_detection_arrays_of_another_length_are_refused(truth_of, found_of, field):
    found = found_of(1, (0, 0.5, *BOX))
    with pytest.raises(ValueError, match=r"shape \(0,\) for 1 boxes"):
        evaluate([truth_of(1)], [dataclasses.replace(found, **{field: getattr(found, field)[:0]})])


def test_boxes_of_another_shape_are_refused(found_of):
    found = dataclasses.replace(found_of(1), boxes_xyxy_px=np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"boxes have shape \(2, 5\); give \[n, 4\]"):
        check_detections([found], known_image_ids=[1], num_classes=2)


@pytest.mark.parametrize("area", [np.nan, -1.0])
def test_impossible_areas_are_refused(truth_of, area):
    with pytest.raises(ValueError, match="area_px holds"):
        check_truth([truth_of(1, (0, *BOX), area=[area])], num_classes=1)


def test_empty_arrays_of_any_shape_are_no_objects(found_of):
    found = dataclasses.replace(found_of(1), boxes_xyxy_px=np.zeros(0, dtype=np.float32), labels=np.zeros(0))
    (checked,) = check_detections([found], known_image_ids=[1], num_classes=2)
    assert checked.boxes_xyxy_px.shape == (0, 4)
    assert checked.labels.dtype == np.int64
