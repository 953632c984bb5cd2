import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lowres.ops.distill_vectors import (
    cosine_distance,
    mean_squared_distance,
    relational_distance,
    squared_distance,
)

DISTANCES = (squared_distance, mean_squared_distance, cosine_distance, relational_distance)


def relational_reference(student, teacher, *, angle_weight):
    """Sections 3.2.1 and 3.2.2 written as loops over distinct images, in float64."""

    def huber(a, b):
        gap = abs(a - b)
        return 0.5 * gap**2 if gap <= 1 else gap - 0.5

    def relations(points):
        points = np.asarray(points, dtype=np.float64)
        pairs, triplets = list(permutations(range(len(points)), 2)), list(permutations(range(len(points)), 3))
        lengths = np.array([np.linalg.norm(points[i] - points[j]) for i, j in pairs])
        cosines = []
        for i, j, k in triplets:
            one, other = points[i] - points[j], points[k] - points[j]
            sides = np.linalg.norm(one) * np.linalg.norm(other)
            cosines.append(one @ other / sides if sides else 0.0)
        return lengths / lengths.mean(), cosines

    (our_lengths, our_cosines), (their_lengths, their_cosines) = relations(student), relations(teacher)
    distance = np.mean([huber(a, b) for a, b in zip(our_lengths, their_lengths, strict=True)])
    return distance + angle_weight * np.mean([huber(a, b) for a, b in zip(our_cosines, their_cosines, strict=True)])


def test_equation_1_worked_by_hand():
    # Squared distances 3^2 + 4^2 = 25 and 2^2 = 4; halves 12.5 and 2; mean 7.25.
    student = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    teacher = torch.tensor([[3.0, 4.0], [1.0, 3.0]])
    assert squared_distance(student, teacher).item() == 7.25


def test_equation_1_is_half_the_summed_square_error_over_the_batch():
    student, teacher = torch.randn(6, 33), torch.randn(6, 33)
    torch.testing.assert_close(
        squared_distance(student, teacher), F.mse_loss(student, teacher, reduction="sum") / (2 * 6)
    )


def test_the_mean_squared_distance_is_half_of_what_pytorch_averages():
    student, teacher = torch.randn(6, 33), torch.randn(6, 33)
    torch.testing.assert_close(mean_squared_distance(student, teacher), 0.5 * F.mse_loss(student, teacher))


def test_the_gradient_of_equation_1_is_the_difference_over_the_batch():
    student, teacher = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5)
    squared_distance(student, teacher).backward()
    torch.testing.assert_close(student.grad, (student.detach() - teacher) / 4)


def test_cosine_distance_of_equal_right_angled_and_opposite_vectors():
    east, north = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 5.0]])
    assert cosine_distance(east, 3 * east).item() == pytest.approx(0.0, abs=1e-6)
    assert cosine_distance(east, north).item() == pytest.approx(1.0, abs=1e-6)
    assert cosine_distance(east, -east).item() == pytest.approx(2.0, abs=1e-6)
    assert cosine_distance(torch.zeros(1, 2), east).item() == 1.0


def test_relational_distance_worked_by_hand():
    # Student: 3, 4, 5; lengths over their mean 4: 3/4, 1, 5/4; cosines 0, 3/5, 4/5.
    # Teacher: equal sides, lengths over their mean 1, cosines 1/2.
    student = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    teacher = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(0.75)]])
    distances = (0.25**2 + 0.25**2) / 2 / 3
    angles = (0.5**2 + 0.1**2 + 0.3**2) / 2 / 3
    assert relational_distance(student, teacher, angle_weight=0.0).item() == pytest.approx(distances, abs=1e-6)
    assert relational_distance(student, teacher, angle_weight=3.0).item() == pytest.approx(
        distances + 3 * angles, abs=1e-6
    )


@pytest.mark.parametrize("angle_weight", [0.0, 2.0])
def test_relational_distance_equals_loops_over_distinct_images(angle_weight):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)) ** 3  # some lengths beyond Huber's corner
    found = relational_distance(torch.tensor(student), torch.tensor(teacher), angle_weight=angle_weight)
    assert found.item() == pytest.approx(relational_reference(student, teacher, angle_weight=angle_weight), abs=1e-12)


def test_relational_distance_holds_where_vectors_lie_close_together_far_from_the_origin():
    rng = np.random.default_rng(1)
    student = (1000 + rng.normal(size=(6, 8))).astype(np.float32)
    teacher = rng.normal(size=(6, 8)).astype(np.float32)
    found = relational_distance(torch.tensor(student), torch.tensor(teacher))
    assert found.item() == pytest.approx(relational_reference(student, teacher, angle_weight=2.0), rel=1e-5)


def test_relations_do_not_see_scale_shift_or_rotation():
    teacher = torch.randn(6, 5)
    rotation = torch.linalg.qr(torch.randn(5, 5)).Q
    assert relational_distance(3 * teacher @ rotation + 7, teacher).item() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("distance", DISTANCES)
def test_gradients_equal_finite_differences(distance):
    student = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda vectors: distance(vectors, teacher), student)


@pytest.mark.parametrize("distance", DISTANCES)
def test_zero_for_equal_vectors_and_positive_otherwise(distance):
    teacher = torch.randn(5, 4)
    assert distance(teacher, teacher).item() == pytest.approx(0.0, abs=1e-6)
    assert distance(teacher + torch.randn(5, 4), teacher).item() > 0


def test_vectors_that_coincide_have_no_angle_and_a_finite_gradient():
    student, teacher = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]), torch.randn(4, 3)
    student.requires_grad_()
    loss = relational_distance(student, teacher)
    loss.backward()
    assert loss.item() == pytest.approx(relational_reference(student.detach(), teacher, angle_weight=2.0), rel=1e-5)
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() < 10


def test_a_student_that_has_collapsed_to_one_vector_gets_no_gradient_from_relations():
    student = torch.zeros(4, 3, requires_grad=True)
    loss = relational_distance(student, torch.randn(4, 3))
    loss.backward()
    assert loss.isfinite()
    assert not student.grad.any()


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_batches_give_a_finite_loss_with_a_gradient(distance, count):
    student = torch.randn(count, 4, requires_grad=True)
    loss = distance(student, torch.randn(count, 4))
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


def test_relations_of_one_image_and_angles_of_two_are_zero():
    assert relational_distance(torch.randn(1, 4), torch.randn(1, 4)).item() == 0.0
    assert relational_distance(torch.randn(2, 4), torch.randn(2, 4), angle_weight=9.0).item() == 0.0  # one length


@pytest.mark.parametrize("distance", DISTANCES)
def test_bfloat16_vectors_are_compared_in_float32(distance):
    student, teacher = torch.rand(8, 512).bfloat16(), torch.rand(8, 512).bfloat16()
    expected = distance(student.double(), teacher.double())
    with torch.autocast("cpu", torch.bfloat16):
        found = distance(student, teacher)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_different_numbers_of_features_are_refused(distance):
    with pytest.raises(ValueError, match="the student has 3 features and the teacher 5; use the same family and width"):
        distance(torch.rand(2, 3), torch.rand(2, 5))
