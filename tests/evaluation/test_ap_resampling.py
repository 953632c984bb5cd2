"""Cached matches against pycocotools: the numbers themselves, and those of resampled images."""

import numpy as np
import pytest
from tests.evaluation.pycocotools_by_hand import summary_by_hand
from tests.evaluation.random_sets import random_set

from lowres.evaluation.ap_resampling import HEADLINE, ApStatistic, headline_intervals
from lowres.evaluation.bootstrap import value_of
from lowres.evaluation.coco import evaluate_detections, match_detections
from lowres.evaluation.matching import accumulate, defined_mean
from lowres.records import ImageDetections

NAMES = ("a", "b", "c")
BOX = (10.0, 10.0, 30.0, 30.0)
IN_SUMMARY = range(9)  # where pycocotools' list of numbers has ours


def statistic_of(truth, detections, **options):
    return ApStatistic(match_detections(truth, detections, class_names=NAMES, **options))


def test_a_hit_and_a_miss_weigh_as_often_as_their_image_is_drawn(truth_of, found_of):
    truth = [truth_of(1, (0, *BOX)), truth_of(2, (0, *BOX))]
    statistic = statistic_of(truth, [found_of(1, (0, 0.9, *BOX))])
    values = statistic(np.array([[1, 1], [2, 0], [0, 2], [3, 1]], dtype=np.int32))
    # recall reaches 0.5, 1, 0 and 0.75: 51, 101, no and 76 of the 101 points
    assert values["ap"].tolist() == pytest.approx([51 / 101, 1, 0, 76 / 101], abs=1e-12)
    assert values["ar_100"].tolist() == pytest.approx([0.5, 1, 0, 0.75], abs=1e-12)


def test_recall_with_one_detection_counts_the_best_of_each_image_and_class(truth_of, found_of):
    other = (50.0, 50.0, 90.0, 90.0)
    truth = [truth_of(1, (0, *BOX), (0, *other)), truth_of(2, (0, *BOX))]
    statistic = statistic_of(truth, [found_of(1, (0, 0.9, *BOX), (0, 0.8, *other)), found_of(2, (0, 0.7, *BOX))])
    values = statistic(np.array([[1, 1], [2, 0], [1, 2]], dtype=np.int32))
    assert values["ar_1"].tolist() == pytest.approx([2 / 3, 1 / 2, 3 / 4], abs=1e-12)
    assert values["ar_10"].tolist() == values["ar_100"].tolist() == pytest.approx([1, 1, 1], abs=1e-12)


def test_a_false_alarm_counts_as_often_as_its_image_is_drawn(truth_of, found_of):
    truth = [truth_of(1, (0, *BOX)), truth_of(2)]
    statistic = statistic_of(truth, [found_of(1, (0, 0.8, *BOX)), found_of(2, (0, 0.9, *BOX))])
    values = statistic(np.array([[1, 1], [1, 2], [2, 0]], dtype=np.int32))
    assert values["ap50"].tolist() == pytest.approx([1 / 2, 1 / 3, 1], abs=1e-12)


def test_a_class_that_a_resample_has_no_object_of_is_left_out(truth_of, found_of):
    truth = [truth_of(1, (0, *BOX)), truth_of(2, (1, *BOX)), truth_of(3)]
    statistic = statistic_of(truth, [found_of(1, (0, 0.9, *BOX))])
    values = statistic(np.array([[1, 1, 1], [3, 0, 0], [0, 0, 3]], dtype=np.int32))["ap"]
    assert values[:2].tolist() == pytest.approx([0.5, 1], abs=1e-12)
    assert np.isnan(values[2])


@pytest.mark.parametrize("seed", range(6))
def test_the_number_itself_equals_pycocotools_by_hand(random_scene, seed):
    truth, detections = random_scene(seed)
    statistic = statistic_of(truth, detections)
    ours = value_of(statistic, num_images=statistic.num_images)
    expected = summary_by_hand(truth, detections, num_classes=len(NAMES))
    assert list(ours.values()) == pytest.approx([expected[index] for index in IN_SUMMARY], abs=1e-9)


@pytest.mark.parametrize("seed", range(2000, 2030))
def test_the_number_itself_equals_the_metrics_on_hard_sets(seed):
    case = random_set(seed)
    names = [str(label) for label in range(case.num_classes)]
    options = {"class_names": names, "max_detections": case.max_detections}
    statistic = ApStatistic(match_detections(case.truth, case.detections, **options))
    expected = evaluate_detections(case.truth, case.detections, **options)
    ours = value_of(statistic, num_images=statistic.num_images)
    assert {name: ours[name] is None for name in HEADLINE} == {
        name: getattr(expected, name) is None for name in HEADLINE
    }
    assert [ours[name] or 0 for name in HEADLINE] == pytest.approx(
        [getattr(expected, name) or 0 for name in HEADLINE], abs=1e-9
    )


def test_a_resample_equals_pycocotools_over_the_images_that_were_drawn(random_scene):
    truth, detections = random_scene(1)
    rng = np.random.default_rng(0)
    distinct = [
        ImageDetections(image.image_id, image.boxes_xyxy_px, rng.uniform(size=len(image.scores)), image.labels)
        for image in detections
    ]
    matches = match_detections(truth, distinct, class_names=NAMES)
    statistic = ApStatistic(matches)
    for _ in range(5):
        drawn = rng.integers(0, len(truth), len(truth))
        tables = accumulate(matches, images=drawn)
        limited = accumulate(matches, images=drawn, ranges=[0], limits=[1, 10, 100]).recall
        weights = np.bincount(drawn, minlength=len(truth)).astype(np.int32)[None]
        ours = statistic(weights)
        for name, index in (("ap", 0), ("ap_small", 1), ("ap_medium", 2), ("ap_large", 3)):
            expected = defined_mean(tables.precision[:, :, :, index])
            assert ours[name][0] == pytest.approx(np.nan if expected is None else expected, abs=1e-9, nan_ok=True)
        for index, name in enumerate(("ar_1", "ar_10", "ar_100")):
            assert ours[name][0] == pytest.approx(defined_mean(limited[:, :, 0, index]), abs=1e-9)


def test_intervals_hold_their_numbers(random_scene):
    truth, detections = random_scene(5)
    matches = match_detections(truth, detections, class_names=NAMES)
    metrics = evaluate_detections(truth, detections, class_names=NAMES)
    intervals = headline_intervals(matches, resamples=200)
    assert set(intervals) == set(HEADLINE)
    for name, bounds in intervals.items():
        low, high = bounds
        assert low < getattr(metrics, name) < high
    assert headline_intervals(matches, resamples=200) == intervals
    assert headline_intervals(matches, resamples=200, seed=1) != intervals


def test_without_objects_or_images_there_is_no_interval(truth_of):
    for truth in ([], [truth_of(1)]):
        matches = match_detections(truth, [], class_names=NAMES)
        assert set(headline_intervals(matches, resamples=3).values()) == {None}
