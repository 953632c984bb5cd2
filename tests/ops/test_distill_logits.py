import math

import pytest
import torch

from lowres.ops.distill_logits import sigmoid_kl, softmax_kl


def test_softmax_kl_worked_by_hand():
    # Teacher (3/4, 1/4), student (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2).
    teacher, student = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert softmax_kl(student, teacher, temperature=1.0).item() == pytest.approx(expected, abs=1e-6)


def test_sigmoid_kl_worked_by_hand():
    # One class, teacher 3/4, student 1/2: the same two numbers as above.
    teacher, student = torch.tensor([[math.log(3.0)]]), torch.zeros(1, 1)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert sigmoid_kl(student, teacher, temperature=1.0).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("distance", [softmax_kl, sigmoid_kl])
def test_zero_for_equal_logits_and_positive_otherwise(distance):
    teacher = torch.randn(5, 4)
    assert distance(teacher, teacher, temperature=2.0).item() == pytest.approx(0.0, abs=1e-6)
    assert distance(teacher + torch.randn(5, 4), teacher, temperature=2.0).item() > 0


@pytest.mark.parametrize("distance", [softmax_kl, sigmoid_kl])
def test_temperature_divides_both_logits(distance):
    student, teacher = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(
        distance(student, teacher, temperature=2.0), distance(student / 2, teacher / 2, temperature=1.0)
    )


@pytest.mark.parametrize("distance", [softmax_kl, sigmoid_kl])
def test_no_pairs_give_zero_with_a_gradient(distance):
    student = torch.zeros(0, 4, requires_grad=True)
    distance(student, torch.zeros(0, 4), temperature=1.0).backward()
    assert student.grad is not None


def test_softmax_kl_is_unmoved_by_a_shift_of_all_logits_but_sigmoid_kl_is_not():
    student, teacher = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(
        softmax_kl(student + 3, teacher, temperature=1.0), softmax_kl(student, teacher, temperature=1.0)
    )
    moved = sigmoid_kl(student + 3, teacher, temperature=1.0)
    assert not torch.isclose(moved, sigmoid_kl(student, teacher, temperature=1.0))
