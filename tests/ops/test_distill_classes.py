import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from lowres.ops.distill_classes import temperature_kl


def test_temperature_kl_worked_by_hand():
    # At T = 2 the teacher's (2 ln 3, 0) is (3/4, 1/4), the student's (1/2, 1/2): 4 times 3/4 ln(3/2) + 1/4 ln(1/2).
    teacher, student = torch.tensor([[2 * math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert temperature_kl(student, teacher, temperature=2.0).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_equals_scipys_relative_entropy_times_the_square_of_the_temperature(temperature):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(6, 10)) * 3, rng.normal(size=(6, 10)) * 3
    divergence = rel_entr(softmax(teacher / temperature, axis=1), softmax(student / temperature, axis=1)).sum(axis=1)
    found = temperature_kl(torch.tensor(student), torch.tensor(teacher), temperature=temperature)
    assert found.item() == pytest.approx(temperature**2 * divergence.mean(), rel=1e-10)


def test_at_high_temperature_the_gradient_is_that_of_matching_centred_logits():
    # Section 2.1: (v - w) / N per logit at zero mean, whatever the temperature; over the batch here.
    student, teacher = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    student, teacher = student - student.mean(1, keepdim=True), teacher - teacher.mean(1, keepdim=True)
    student.requires_grad_()
    temperature_kl(student, teacher, temperature=1e4).backward()
    torch.testing.assert_close(student.grad, (student.detach() - teacher) / 5 / 3, rtol=1e-2, atol=1e-4)


def test_zero_for_equal_logits_and_no_images():
    logits = torch.randn(4, 3, requires_grad=True)
    assert temperature_kl(logits, logits.detach(), temperature=3.0).item() == pytest.approx(0.0, abs=1e-6)
    nothing = torch.zeros(0, 3, requires_grad=True)
    loss = temperature_kl(nothing, torch.zeros(0, 3), temperature=3.0)
    loss.backward()
    assert loss.item() == 0.0
    assert nothing.grad is not None


def test_bfloat16_logits_are_compared_in_float32():
    student, teacher = torch.randn(8, 10).bfloat16(), torch.randn(8, 10).bfloat16()
    expected = temperature_kl(student.double(), teacher.double(), temperature=4.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = temperature_kl(student, teacher, temperature=4.0)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="is not positive"):
        temperature_kl(torch.rand(2, 3), torch.rand(2, 3), temperature=temperature)


def test_different_numbers_of_classes_are_refused():
    with pytest.raises(ValueError, match="the student has 3 classes and the teacher 4"):
        temperature_kl(torch.rand(2, 3), torch.rand(2, 4), temperature=1.0)
