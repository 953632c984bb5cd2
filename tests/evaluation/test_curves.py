import json

import numpy as np
import pytest

from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.curves import precision_recall

BOX = (10.0, 10.0, 30.0, 30.0)
FAR = (100.0, 100.0, 120.0, 120.0)


def test_curve_of_one_hit_one_duplicate_one_hit(truth_of, found_of):
    found = found_of(1, (0, 0.9, *BOX), (0, 0.8, *BOX), (0, 0.7, *FAR))
    curves = precision_recall([truth_of(1, (0, *BOX), (0, *FAR))], [found], class_names=("a",))
    expected = [1.0] * 51 + [2 / 3] * 50
    assert curves["recall"] == pytest.approx(np.arange(101) / 100, abs=1e-12)
    assert curves["overall"]["iou_50"] == pytest.approx(expected, abs=1e-12)
    assert curves["overall"]["iou_50_95"] == pytest.approx(expected, abs=1e-12)


def test_the_mean_of_a_curve_is_its_average_precision(random_scene):
    truth, detections = random_scene(4)
    options = {"class_names": ("a", "b", "c"), "thumbnail_ratio": 4}
    metrics = evaluate_detections(truth, detections, **options)
    curves = precision_recall(truth, detections, **options)
    assert np.mean(curves["overall"]["iou_50_95"]) == pytest.approx(metrics.ap, abs=1e-12)
    assert np.mean(curves["overall"]["iou_50"]) == pytest.approx(metrics.ap50, abs=1e-12)
    assert np.mean(curves["by_area"]["small"]["iou_50_95"]) == pytest.approx(metrics.ap_small, abs=1e-12)
    assert np.mean(curves["by_area"]["large"]["iou_50_95"]) == pytest.approx(metrics.ap_large, abs=1e-12)
    assert np.mean(curves["per_class"]["b"]["iou_50_95"]) == pytest.approx(metrics.per_class["b"].ap, abs=1e-12)
    compared = 0
    for size, curve in zip(metrics.by_thumbnail_size, curves["by_thumbnail_size"], strict=True):
        assert (curve["low_px"], curve["high_px"]) == (size.low_px, size.high_px)
        if size.ap is None:
            assert curve["curve"] is None
        else:
            assert np.mean(curve["curve"]["iou_50_95"]) == pytest.approx(size.ap, abs=1e-12)
            compared += 1
    assert compared >= 3


def test_precision_never_rises_with_recall(random_scene):
    curve = precision_recall(*random_scene(5), class_names=("a", "b", "c"))["overall"]["iou_50"]
    assert len(curve) == 101
    assert (np.diff(curve) <= 1e-12).all()


def test_curves_without_objects_are_none_and_all_are_strict_json(truth_of, found_of):
    curves = precision_recall([truth_of(1)], [found_of(1, (0, 0.9, *BOX))], class_names=("a",))
    assert curves["overall"] is None
    assert curves["by_area"] == {"small": None, "medium": None, "large": None}
    assert curves["per_class"] == {"a": None}
    assert json.loads(json.dumps(curves, allow_nan=False)) == curves
