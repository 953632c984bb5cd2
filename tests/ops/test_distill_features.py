import pytest
import torch
from torch.nn import functional as F

from lowres.ops.distill_features import feature_distance


def test_equation_8_worked_by_hand():
    # One level, equal sizes: differences 1, 2, 3, 4; mean of squares 7.5.
    student = [torch.zeros(1, 1, 2, 2)]
    teacher = [torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])]
    assert feature_distance(student, teacher, distance="mse", resize="student").item() == 7.5


def test_student_is_resized_bilinearly_to_the_teacher():
    student, teacher = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 16, 20)
    expected = (F.interpolate(student, size=(16, 20), mode="bilinear") - teacher).square().mean()
    torch.testing.assert_close(feature_distance([student], [teacher], distance="mse", resize="student"), expected)


def test_teacher_is_resized_by_area_averages():
    student, teacher = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 16, 20)
    expected = (student - F.avg_pool2d(teacher, 4)).square().mean()
    torch.testing.assert_close(feature_distance([student], [teacher], distance="mse", resize="teacher"), expected)


def test_levels_count_alike():
    maps = [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]
    targets = [torch.ones(1, 1, 2, 2), torch.full((1, 1, 1, 1), 3.0)]
    assert feature_distance(maps, targets, distance="mse", resize="student").item() == 5.0


def test_normalised_distance_ignores_scale_and_shift_of_channels():
    student = torch.rand(2, 3, 8, 8)
    loss = feature_distance([student], [student * 7 + 2], distance="normalised_mse", resize="student")
    assert loss.item() < 1e-4


def test_cosine_of_opposite_maps_is_two():
    maps = torch.rand(1, 3, 4, 4) + 0.1
    torch.testing.assert_close(
        feature_distance([maps], [-maps], distance="cosine", resize="student"), torch.tensor(2.0)
    )


def test_different_channels_are_refused_by_name():
    with pytest.raises(ValueError, match="level 0 has 3 channels in the student and 5 in the teacher"):
        feature_distance([torch.rand(1, 3, 2, 2)], [torch.rand(1, 5, 2, 2)], distance="mse", resize="student")
