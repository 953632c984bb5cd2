from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.models.tiny_classifier import SIDE_PX, tiny_classifier, tiny_spec

from lowres.export.classifier_parity import (
    ClassifierLimits,
    ClassifierParity,
    check_classifiers,
    classify_with_pytorch,
    compare_classifiers,
)

LIMITS = ClassifierLimits(probability=0.01, top1=0.0)
EQUAL = ClassifierParity(images=10, max_probability=0.001, changed=0, top1_pytorch=0.8, top1_onnx=0.8)


class Fixed:
    """Gives the rows of a table in turn, as an ONNX file would; a single image gets the first row."""

    def __init__(self, rows):
        self.rows = rows

    def classify(self, images):
        return self.rows[: len(images)]


def samples(noise, count=6):
    return list(enumerate(noise(*[(SIDE_PX, SIDE_PX)] * count)))


@pytest.fixture(scope="module")
def model():
    return tiny_classifier(tiny_spec())


def test_equal_probabilities_are_measured_as_equal(model, noise):
    pairs = samples(noise)
    rows = classify_with_pytorch(model, [image for _, image in pairs])
    report = compare_classifiers(model, Fixed(rows), pairs, limits=LIMITS)
    hits = np.mean(rows.argmax(axis=1) == np.arange(6))
    assert report == ClassifierParity(images=6, max_probability=0.0, changed=0, top1_pytorch=hits, top1_onnx=hits)


def test_the_largest_difference_and_changed_classes_are_measured(model, noise):
    pairs = samples(noise)
    rows = classify_with_pytorch(model, [image for _, image in pairs])
    best = int(rows[4].argmax())
    other = (best + 1) % 6
    rows[4, [best, other]] = rows[4, [other, best]]
    gap = abs(rows[4, best] - rows[4, other])
    loose = ClassifierLimits(probability=1.0, top1=1.0)
    with pytest.raises(ValueError, match="same probabilities"):  # nothing differs by more than such a limit
        compare_classifiers(model, Fixed(rows), pairs, limits=loose)
    loose = ClassifierLimits(probability=float(gap), top1=1.0)
    report = compare_classifiers(model, Fixed(rows), pairs, limits=replace(loose, probability=gap + 1e-9))
    assert report.max_probability == pytest.approx(gap, abs=1e-12)
    assert report.changed == 1


def test_figures_at_their_limits_are_accepted_and_beyond_refused():
    check_classifiers(EQUAL, LIMITS)
    check_classifiers(replace(EQUAL, max_probability=0.01), LIMITS)
    with pytest.raises(ValueError, match=r"disagree in probabilities: probabilities differ by at most 0\.011"):
        check_classifiers(replace(EQUAL, max_probability=0.011), LIMITS)
    with pytest.raises(ValueError, match=r"disagree in top-1: .*top-1 -0\.1"):
        check_classifiers(replace(EQUAL, top1_onnx=0.7), LIMITS)


def test_a_probability_that_is_no_number_is_refused(model, noise):
    pairs = samples(noise)
    rows = classify_with_pytorch(model, [image for _, image in pairs])
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="disagree in probabilities"):
        compare_classifiers(model, Fixed(rows), pairs, limits=LIMITS)


def test_nothing_to_compare_is_refused(model):
    with pytest.raises(ValueError, match="no validation images"):
        compare_classifiers(model, Fixed(np.zeros((0, 6))), [], limits=LIMITS)


def test_a_model_that_tells_no_images_apart_is_refused(noise):
    blind = tiny_classifier(tiny_spec())
    with torch.no_grad():
        blind.classifier.linear.weight.zero_()
    pairs = samples(noise)
    rows = classify_with_pytorch(blind, [image for _, image in pairs])
    with pytest.raises(ValueError, match="same probabilities, so nothing was compared"):
        compare_classifiers(blind, Fixed(rows), pairs, limits=LIMITS)


def test_comparing_leaves_the_mode_of_the_model(noise):
    model = tiny_classifier(tiny_spec("resnet18")).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    classify_with_pytorch(model, noise((SIDE_PX, SIDE_PX)))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
