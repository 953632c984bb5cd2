"""Intervals over seeds."""

import math

import pytest
from scipy import stats

from lowres.seed_interval import interval, said


def test_the_interval_is_that_of_students_t():
    values = [0.41, 0.44, 0.42, 0.47]
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    mean, half = interval(values)
    assert mean - half == pytest.approx(low, abs=1e-12)
    assert mean + half == pytest.approx(high, abs=1e-12)


def test_one_seed_has_no_interval():
    mean, half = interval([0.4])
    assert mean == 0.4
    assert math.isnan(half)
    assert said([0.4]) == "40.0"


def test_fractions_are_said_in_percent():
    assert said([0.4, 0.42]) == "41.0 ± 12.7"
    assert said([0.02, 0.02], signed=True) == "+2.0 ± 0.0"
    assert said([]) == "–"
