import json

import numpy as np
import pytest
import scipy.stats
from scipy.special import softmax

from lowres.evaluation.classification import evaluate_classes, top1_interval

NAMES = ("cat", "dog", "ship")
# Taken for cat, dog, cat, ship; confidences 0.7, 0.6, 0.5, 0.9.
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2], [0.05, 0.05, 0.9]])
LABELS = np.array([0, 1, 1, 0])


def random_case(seed, *, num_images=500, num_classes=10):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_images)
    logits = rng.normal(size=(num_images, num_classes)) * 2
    logits[np.arange(num_images), labels] += 1.5
    return softmax(logits, axis=1), labels


def names(count):
    return [f"class {number}" for number in range(count)]


def test_accuracy_and_confusion_worked_by_hand():
    metrics = evaluate_classes(PROBABILITIES, LABELS, class_names=NAMES)
    assert metrics.num_images == 4
    assert metrics.top1 == 0.5
    assert metrics.confusion == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert [(c.accuracy, c.num_images) for c in metrics.per_class.values()] == [(0.5, 2), (0.5, 2), (None, 0)]
    assert list(metrics.per_class) == list(NAMES)


def test_calibration_worked_by_hand():
    # Bins (0, 1/2] and (1/2, 1]: the confidence 0.5 is in the first, alone and wrong; in the second 2 of 3 are right
    # at a mean confidence of 2.2 / 3. ECE: 1/4 * 0.5 + 3/4 * (2.2 / 3 - 2 / 3) = 0.125 + 0.05.
    metrics = evaluate_classes(PROBABILITIES, LABELS, class_names=NAMES, bins=2)
    low, high = metrics.reliability
    assert (low.low, low.high, low.num_images, low.mean_confidence, low.accuracy) == (0.0, 0.5, 1, 0.5, 0.0)
    assert (high.low, high.high, high.num_images) == (0.5, 1.0, 3)
    assert high.mean_confidence == pytest.approx(2.2 / 3, abs=1e-12)
    assert high.accuracy == pytest.approx(2 / 3, abs=1e-12)
    assert metrics.expected_calibration_error == pytest.approx(0.175, abs=1e-12)


def test_calibration_equals_equation_3_written_as_a_loop():
    probabilities, labels = random_case(0)
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for m in range(1, 16):
        members = [n for n in range(len(labels)) if (m - 1) / 15 < confidence[n] <= m / 15]
        if members:
            error += len(members) / len(labels) * abs(np.mean(hit[members]) - np.mean(confidence[members]))
    metrics = evaluate_classes(probabilities, labels, class_names=names(10))
    assert metrics.expected_calibration_error == pytest.approx(error, abs=1e-12)
    assert sum(bin_.num_images for bin_ in metrics.reliability) == 500
    assert len(metrics.reliability) == 15


def test_empty_bins_have_no_means_and_certainty_is_in_the_last():
    metrics = evaluate_classes(np.eye(3), np.arange(3), class_names=NAMES)
    assert [bin_.num_images for bin_ in metrics.reliability] == [0] * 14 + [3]
    assert metrics.reliability[0].mean_confidence is None
    assert metrics.reliability[0].accuracy is None
    assert metrics.expected_calibration_error == 0.0


def test_top5_equals_a_sort_of_each_row():
    probabilities, labels = random_case(1)
    expected = np.mean([label in np.argsort(-row)[:5] for row, label in zip(probabilities, labels, strict=True)])
    metrics = evaluate_classes(probabilities, labels, class_names=names(10))
    assert metrics.top5 == pytest.approx(expected, abs=1e-12)
    assert metrics.top5 > metrics.top1


@pytest.mark.parametrize("num_classes", [5, 6])
def test_top5_is_told_from_six_classes_on(num_classes):
    probabilities, labels = random_case(2, num_classes=num_classes)
    assert (evaluate_classes(probabilities, labels, class_names=names(num_classes)).top5 is None) == (num_classes < 6)


def test_between_equal_probabilities_the_lower_class_ranks_first():
    metrics = evaluate_classes(np.full((7, 7), 1 / 7), np.arange(7), class_names=names(7))
    assert metrics.top1 == pytest.approx(1 / 7)
    assert metrics.top5 == pytest.approx(5 / 7)


def test_confusion_adds_up_and_its_diagonal_is_top1():
    probabilities, labels = random_case(3)
    metrics = evaluate_classes(probabilities, labels, class_names=names(10))
    confusion = np.array(metrics.confusion)
    assert confusion.sum(axis=1).tolist() == np.bincount(labels, minlength=10).tolist()
    assert confusion.sum(axis=0).tolist() == np.bincount(probabilities.argmax(axis=1), minlength=10).tolist()
    assert np.trace(confusion) / 500 == pytest.approx(metrics.top1, abs=1e-12)


def test_float32_probabilities_and_small_integers_are_taken():
    metrics = evaluate_classes(PROBABILITIES.astype(np.float32), LABELS.astype(np.uint8), class_names=NAMES)
    assert metrics.top1 == 0.5


def test_the_result_is_plain_data():
    metrics = evaluate_classes(PROBABILITIES, LABELS, class_names=NAMES)
    read = json.loads(json.dumps(metrics.as_dict(), allow_nan=False))
    assert read == metrics.as_dict()
    assert read["per_class"]["ship"] == {"accuracy": None, "num_images": 0}


def changed(row, column, value):
    probabilities = PROBABILITIES.copy()
    probabilities[row, column] = value
    return probabilities


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (changed(2, 1, np.nan), LABELS, "image 2 has nan, not finite"),
        (changed(2, 1, np.inf), LABELS, "image 2 has inf, not finite"),
        (changed(1, 0, -0.1), LABELS, r"image 1 has -0.1, outside \[0, 1\]; give probabilities, not logits"),
        (changed(3, 2, 0.902), LABELS, "image 3 has 1.002, the row's sum, off 1 by over 0.001"),
        (np.zeros((0, 3)), np.zeros(0, dtype=int), "there is no image"),
        (PROBABILITIES, LABELS[:3], r"shape \(4, 3\), labels \(3,\)"),
        (PROBABILITIES[0], LABELS, r"shape \(3,\), labels \(4,\)"),
        (PROBABILITIES, np.array([0, 3, 1, 0]), "image 1 has label 3, outside 0 to 2"),
        (PROBABILITIES, np.array([0, 0, 1, -1]), "image 3 has label -1, outside 0 to 2"),
        (PROBABILITIES, LABELS.astype(float), "labels are float64; give integers"),
    ],
)
def test_bad_arrays_are_refused_with_the_image(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate_classes(probabilities, labels, class_names=NAMES)
    with pytest.raises(ValueError, match=message):
        top1_interval(probabilities, labels)


def test_a_sum_within_a_thousandth_of_one_is_taken():
    assert evaluate_classes(changed(3, 2, 0.9009), LABELS, class_names=NAMES).num_images == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": NAMES[:2]}, "3 columns for 2 class names"),
        ({"class_names": ("cat", "dog", "cat")}, "repeats a name"),
        ({"class_names": NAMES, "bins": 0}, "bins: 0 is under 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_classes(PROBABILITIES, LABELS, **options)


def test_the_interval_agrees_with_scipys_percentile_bootstrap():
    probabilities, labels = random_case(4)
    hits = (probabilities.argmax(axis=1) == labels).astype(float)
    expected = scipy.stats.bootstrap(
        (hits,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
    ).confidence_interval
    low, high = top1_interval(probabilities, labels)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.003)  # 1.5 images of 500
    assert low < hits.mean() < high


def test_the_interval_repeats_with_its_seed_and_widens_with_its_level():
    arguments = random_case(5)
    assert top1_interval(*arguments, seed=7) == top1_interval(*arguments, seed=7)
    (low, high), (lower, higher) = top1_interval(*arguments, level=0.8), top1_interval(*arguments, level=0.99)
    assert lower < low < high < higher


def test_the_interval_of_a_faultless_classifier_is_a_point():
    assert top1_interval(np.eye(3), np.arange(3)) == (1.0, 1.0)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 0.0}, {"resamples": 0}])
def test_impossible_intervals_are_refused(options):
    with pytest.raises(ValueError, match=r"is (outside|under 1)"):
        top1_interval(PROBABILITIES, LABELS, **options)
