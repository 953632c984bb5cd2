import numpy as np
import pytest

from lowres.evaluation.bootstrap import value_of
from lowres.evaluation.class_resampling import ClassStatistic, class_intervals
from lowres.evaluation.classification import evaluate_classes, top1_interval


def guesses(seed, *, num_images=300, num_classes=8):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_images)
    logits = np.round(rng.normal(0, 1, (num_images, num_classes)), 1)  # some are equal
    logits[np.arange(num_images), labels] += 1.5
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("num_classes", [3, 8])
def test_the_numbers_themselves_are_those_of_the_metrics(num_classes):
    probabilities, labels = guesses(0, num_classes=num_classes)
    expected = evaluate_classes(probabilities, labels, class_names=[str(label) for label in range(num_classes)])
    ours = value_of(ClassStatistic(probabilities, labels), num_images=len(labels))
    assert set(ours) == {"top1", "expected_calibration_error"} | ({"top5"} if num_classes > 5 else set())
    for name, value in ours.items():
        assert value == pytest.approx(getattr(expected, name), abs=1e-12)


def test_a_resample_is_the_metrics_of_the_images_that_were_drawn():
    probabilities, labels = guesses(1)
    drawn = np.random.default_rng(0).integers(0, len(labels), len(labels))
    expected = evaluate_classes(probabilities[drawn], labels[drawn], class_names=list("abcdefgh"))
    weights = np.bincount(drawn, minlength=len(labels)).astype(np.int32)[None]
    for name, values in ClassStatistic(probabilities, labels)(weights).items():
        assert values[0] == pytest.approx(getattr(expected, name), abs=1e-12)


def test_the_interval_of_top1_is_the_binomial_one():
    probabilities, labels = guesses(2)
    assert class_intervals(probabilities, labels, resamples=3000)["top1"] == pytest.approx(
        top1_interval(probabilities, labels), abs=0.01
    )
