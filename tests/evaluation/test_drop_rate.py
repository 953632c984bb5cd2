import math

import pytest

from lowres.evaluation.drop_rate import drop_rate


def test_drop_rate_of_the_papers_headline():
    assert drop_rate(44.5, 32.3) == pytest.approx(12.2 / 44.5, abs=1e-12)


def test_equal_accuracy_drops_nothing_and_a_better_student_gains():
    assert drop_rate(0.6, 0.6) == 0.0
    assert drop_rate(0.5, 0.6) == pytest.approx(-0.2, abs=1e-12)
    assert drop_rate(0.5, 0.0) == 1.0


@pytest.mark.parametrize("teacher", [0.0, -1.0])
def test_a_teacher_without_accuracy_is_refused(teacher):
    with pytest.raises(ValueError, match=r"teacher_ap: .* is not positive"):
        drop_rate(teacher, 0.1)


@pytest.mark.parametrize(("teacher", "student"), [(math.nan, 0.1), (0.5, math.nan), (math.inf, 0.1)])
def test_figures_that_are_not_finite_are_refused(teacher, student):
    with pytest.raises(ValueError, match="finite"):
        drop_rate(teacher, student)
