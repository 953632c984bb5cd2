import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lowres.ops.distill_features import feature_distance


def everywhere(maps: Tensor) -> Tensor:
    return torch.ones(maps.shape[0], 64, 64, dtype=torch.bool)


def test_equation_8_worked_by_hand():
    # One level, equal sizes: differences 1, 2, 3, 4; mean of squares 7.5.
    student = [torch.zeros(1, 1, 2, 2)]
    teacher = [torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])]
    assert feature_distance(student, teacher, everywhere(student[0]), distance="mse", resize="student").item() == 7.5


def test_student_is_resized_bilinearly_to_the_teacher():
    student, teacher = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 16, 20)
    expected = (F.interpolate(student, size=(16, 20), mode="bilinear") - teacher).square().mean()
    torch.testing.assert_close(
        feature_distance([student], [teacher], everywhere(student), distance="mse", resize="student"), expected
    )


def test_teacher_is_resized_by_area_averages():
    student, teacher = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 16, 20)
    expected = (student - F.avg_pool2d(teacher, 4)).square().mean()
    torch.testing.assert_close(
        feature_distance([student], [teacher], everywhere(student), distance="mse", resize="teacher"), expected
    )


def test_levels_count_alike():
    maps = [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]
    targets = [torch.ones(1, 1, 2, 2), torch.full((1, 1, 1, 1), 3.0)]
    assert feature_distance(maps, targets, everywhere(maps[0]), distance="mse", resize="student").item() == 5.0


def test_normalised_distance_ignores_scale_and_shift_of_channels():
    student = torch.rand(2, 3, 8, 8)
    loss = feature_distance(
        [student], [student * 7 + 2], everywhere(student), distance="normalised_mse", resize="student"
    )
    assert loss.item() < 1e-4


def test_cosine_of_opposite_maps_is_two():
    maps = torch.rand(1, 3, 4, 4) + 0.1
    torch.testing.assert_close(
        feature_distance([maps], [-maps], everywhere(maps), distance="cosine", resize="student"), torch.tensor(2.0)
    )


def test_different_channels_are_refused_by_name():
    ours, theirs = torch.rand(1, 3, 2, 2), torch.rand(1, 5, 2, 2)
    with pytest.raises(ValueError, match="level 0 has 3 channels in the student and 5 in the teacher"):
        feature_distance([ours], [theirs], everywhere(ours), distance="mse", resize="student")


@pytest.mark.parametrize("distance", ["mse", "normalised_mse", "cosine"])
@pytest.mark.parametrize("resize", ["student", "teacher"])
def test_what_lies_on_padding_teaches_nothing(distance, resize):
    # The second image ends in the middle of the canvas: the batch must give what the images give on their own canvas.
    mask = torch.ones(1, 32, 32, dtype=torch.bool)
    mask[:, :, 16:] = False
    student, teacher = torch.rand(1, 3, 4, 4, requires_grad=True), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        student[..., 2:], teacher[..., 4:] = 0.0, 50.0
    loss = feature_distance([student], [teacher], mask, distance=distance, resize=resize)
    loss.backward()
    assert student.grad is not None
    if resize == "teacher":  # no interpolation across the edge
        cut = feature_distance([student[..., :2]], [teacher[..., :4]], mask[..., :16], distance=distance, resize=resize)
        torch.testing.assert_close(loss, cut)
        assert not student.grad[..., 2:].any()
    assert loss.item() < 5.0
    assert student.grad[..., :2].any()


def test_a_batch_without_a_real_pixel_costs_nothing():
    maps = torch.rand(1, 3, 4, 4)
    mask = torch.zeros(1, 16, 16, dtype=torch.bool)
    assert feature_distance([maps], [maps + 1], mask, distance="mse", resize="student").item() == 0.0
