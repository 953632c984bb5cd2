from dataclasses import replace

import numpy as np
import pytest

from lowres.evaluation.bootstrap import value_of
from lowres.evaluation.tt100k import count_per_image, curve_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_records import SignDetections, SignTruth
from lowres.evaluation.tt100k_resampling import AreaStatistic, SignStatistic, sign_intervals

CLASSES = ("pl40", "pn", "w1")  # the last is not evaluated


def street(rng, name):
    """Up to four signs of 10 to 300 px, and detections near most of them."""
    count = rng.integers(0, 5)
    corners, sides = rng.uniform(0, 1000, (count, 2)), rng.uniform(10, 300, (count, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1)
    categories = tuple(rng.choice(CLASSES, count).tolist())
    moved = boxes + rng.uniform(-0.15, 0.15, (count, 1)) * np.concatenate([sides, sides], axis=1)
    kept = rng.random(count) < 0.8
    found = tuple(name for name, keep in zip(categories, kept, strict=True) if keep)
    truth = SignTruth(image_id=name, boxes_xyxy_px=boxes, categories=categories)
    scores = rng.uniform(0, 1, int(kept.sum()))
    return truth, SignDetections(image_id=name, boxes_xyxy_px=moved[kept], categories=found, scores=scores)


@pytest.fixture
def streets():
    rng = np.random.default_rng(0)
    return tuple(list(part) for part in zip(*(street(rng, str(number)) for number in range(40)), strict=True))


def flat(metrics, *, names=("accuracy", "recall", "f1")):
    """The metrics under the statistic's names."""
    return {
        f"{measure}/{size}/{metric}": getattr(scores, metric)
        for measure, by_size in (("long_side", metrics.by_long_side), ("area", metrics.by_area))
        for size, scores in by_size.items()
        for metric in names
    }


def test_images_as_they_are_give_the_metrics_themselves(streets):
    statistic = SignStatistic(count_per_image(*streets, score_threshold=0.3))
    expected = flat(evaluate_tt100k(*streets, score_threshold=0.3))
    assert value_of(statistic, num_images=40) == pytest.approx(expected, abs=1e-12)


def test_an_image_drawn_twice_counts_as_two_images(streets):
    truth, found = streets
    weights = np.ones((1, 40), np.int32)
    weights[0, 3], weights[0, 5] = 2, 0
    drawn = [position for position in range(40) for _ in range(weights[0, position])]
    expected = evaluate_tt100k(
        [replace(truth[position], image_id=f"{copy}") for copy, position in enumerate(drawn)],
        [replace(found[position], image_id=f"{copy}") for copy, position in enumerate(drawn)],
    )
    values = SignStatistic(count_per_image(truth, found))(weights)
    assert {name: float(value[0]) for name, value in values.items()} == pytest.approx(flat(expected), abs=1e-12)


def test_areas_of_images_as_they_are_are_those_of_the_metrics(streets):
    expected = flat(evaluate_tt100k(*streets), names=["auc"])
    assert value_of(AreaStatistic(curve_per_image(*streets)), num_images=40) == pytest.approx(expected, abs=1e-12)


def test_areas_of_a_resample_are_those_of_its_images(streets):
    truth, found = streets
    best = max(range(40), key=lambda position: found[position].scores.max(initial=0))
    weights = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), 3).astype(np.int32)
    weights[:, best] += 1  # the thresholds go to the highest score
    values = AreaStatistic(curve_per_image(truth, found))(weights)
    for row in range(3):
        drawn = np.repeat(np.arange(40), weights[row]).tolist()
        expected = evaluate_tt100k(
            [replace(truth[position], image_id=f"{copy}") for copy, position in enumerate(drawn)],
            [replace(found[position], image_id=f"{copy}") for copy, position in enumerate(drawn)],
        )
        wanted = {name: np.nan if area is None else area for name, area in flat(expected, names=["auc"]).items()}
        assert {name: value[row] for name, value in values.items()} == pytest.approx(wanted, abs=1e-12, nan_ok=True)


def test_without_a_detection_the_area_has_no_interval(streets):
    truth, _ = streets
    intervals = sign_intervals(count_per_image(truth, []), along=curve_per_image(truth, []), resamples=3)
    assert {sizes[size]["auc"] for sizes in intervals.values() for size in sizes} == {None}


def test_intervals_hold_the_metrics(streets):
    intervals = sign_intervals(count_per_image(*streets), along=curve_per_image(*streets), resamples=200)
    for name, value in flat(evaluate_tt100k(*streets), names=["accuracy", "recall", "f1", "auc"]).items():
        measure, size, metric = name.split("/")
        interval = intervals[measure][size][metric]
        assert (interval is None) == (value is None)
        if interval is not None:
            assert interval[0] <= value <= interval[1]
