import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lowres.models.classifiers import build_classifier
from lowres.models.downsamplers import FixedDownsampler, IdentityDownsampler, LearnedDownsampler
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.records import LabelledImages
from lowres.tasks.classification import (
    ClassDistillationTask,
    ClassificationTask,
    ClassLogitTerm,
    FeatureTerm,
    classify_batches,
)

NETWORK = {"num_classes": 3, "width": 0.125, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def network(family="resnet18"):
    return build_classifier(family=family, **NETWORK)


def models(downsampler=None):
    torch.manual_seed(0)
    teacher = ThumbnailClassifier(IdentityDownsampler(), network(), restore="none")
    downsampler = downsampler or FixedDownsampler(kind="area", ratio=4)
    return ThumbnailClassifier(downsampler, network(), restore="bicubic"), teacher


def batch(count=4, side=32):
    torch.manual_seed(1)
    return LabelledImages(torch.rand(count, 3, side, side), torch.arange(count) % 3, torch.arange(count))


def test_recognition_is_cross_entropy_on_the_thumbnail():
    student, _ = models()
    student.eval()
    images = batch()
    loss = ClassificationTask(student)(images)["recognition"]
    small = F.interpolate(images.pixels, scale_factor=0.25, mode="area")
    large = F.interpolate(small, scale_factor=4, mode="bicubic").clamp(0, 1)
    torch.testing.assert_close(loss, F.cross_entropy(student.classifier(large).logits, images.labels))


def test_equation_1_is_half_the_squared_distance_of_last_features():
    student, teacher = models()
    task = ClassDistillationTask(student, teacher, recognition=False, feature=FeatureTerm("squared"))
    task.eval()
    images = batch()
    ours, theirs = student(images.pixels).features, teacher(images.pixels).features
    expected = 0.5 * (ours - theirs).square().sum(1).mean()
    torch.testing.assert_close(task(images)["feature"], expected)


def test_only_the_terms_asked_for_are_returned():
    student, teacher = models()
    task = ClassDistillationTask(
        student, teacher, feature=FeatureTerm("relational", angle_weight=1.0), logit=ClassLogitTerm(4.0)
    )
    assert set(task(batch())) == {"recognition", "feature", "logit"}
    assert set(ClassDistillationTask(student, teacher)(batch())) == {"recognition"}


@pytest.mark.parametrize("distance", ["squared", "mean_squared", "cosine", "relational"])
def test_gradients_reach_the_student_and_its_downsampler_and_not_the_teacher(distance):
    module = LearnedDownsampler(ratio=4, final_relu=False)
    student, teacher = models(module)
    task = ClassDistillationTask(student, teacher, feature=FeatureTerm(distance))
    sum(task(batch()).values()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_teacher_stays_in_eval_mode_whatever_the_outer_module_does():
    student, teacher = models()
    task = ClassDistillationTask(student, teacher, feature=FeatureTerm("squared")).train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    task(batch())
    assert not teacher.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_probabilities_come_in_order_and_sum_to_one():
    student, _ = models()
    student.eval()
    images = batch(5)
    parts = [
        LabelledImages(images.pixels[part], images.labels[part], images.image_ids[part])
        for part in (slice(0, 2), slice(2, 5))
    ]
    found = classify_batches(student, parts)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    expected = student(images.pixels).logits.double().softmax(1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    asked = iter([False, True])
    assert len(classify_batches(student, parts, stop=lambda: next(asked))) == 2


def test_without_restoring_the_network_reads_the_thumbnail_itself():
    student, _ = models()
    bare = ThumbnailClassifier(student.downsampler, student.classifier, restore="none")
    assert bare.enlarged(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    assert student.enlarged(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)
