"""What the page of a sweep says: means and intervals over seeds, gains within a seed, a verdict that they support."""

import pytest

from lowres.report.sweep_page import Variant, sweep_markdown, sweep_page, sweep_scalars

SHARED = {"metric": "ap", "split": "val", "teacher": 0.62}


def variants(**accuracies):
    return [
        Variant(kind, seed, value, 1.4e8, 5.0)
        for kind, values in accuracies.items()
        for seed, value in enumerate(values)
    ]


def test_gains_are_taken_within_a_seed():
    # Seeds differ by 10 points, the kinds by 2 within each: the gain's interval is narrow where the means' are wide.
    told = sweep_markdown(variants(bicubic=[0.3, 0.4, 0.5], learned=[0.32, 0.42, 0.52]), **SHARED)
    assert "| bicubic | 3 | 40.0 ± 24.8 |  |" in told
    assert "| learned | 3 | 42.0 ± 24.8 | +2.0 ± 0.0 |" in told
    assert told.startswith("AP on the val split, against bicubic: learned +2.0 ± 0.0, better.")


@pytest.mark.parametrize(
    ("others", "verdict"),
    [
        ([0.50, 0.52, 0.53], "better"),
        ([0.30, 0.31, 0.29], "worse"),
        ([0.43, 0.40, 0.49], "no clear difference"),  # +4 on average, from -1 to +7
        ([0.37, 0.42, 0.34], "no clear difference"),  # -3 on average, from -8 to +1
    ],
)
def test_the_verdict_is_what_the_interval_supports(others, verdict):
    told = sweep_markdown(variants(bicubic=[0.4, 0.41, 0.42], area=others), **SHARED)
    assert told.split("\n")[0].endswith(f", {verdict}.")


def test_many_kinds_must_each_stand_out_further():
    # +2.0 with a half width of 1.6 for one comparison; for four together it is 3.1.
    gain = [0.4136, 0.43, 0.4464]
    one = sweep_markdown(variants(bicubic=[0.4, 0.41, 0.42], a=gain), **SHARED)
    four = sweep_markdown(variants(bicubic=[0.4, 0.41, 0.42], a=gain, b=gain, c=gain, d=gain), **SHARED)
    assert "a +2.0 ± 1.6, better." in one
    assert "a +2.0 ± 1.6, no clear difference;" in four


def test_one_seed_says_nothing_of_the_spread():
    told = sweep_markdown(variants(bicubic=[0.4], area=[0.5]), **SHARED)
    assert told.startswith("AP on the val split, against bicubic: area +10.0 with one seed, which says nothing")


def test_a_kind_that_scatters_hides_no_clear_winner():
    told = sweep_markdown(
        variants(bicubic=[0.4, 0.41, 0.42], area=[0.5, 0.2, 0.9], learned=[0.45, 0.46, 0.475]), **SHARED
    ).split("\n")[0]
    assert "area +12.3 ± 85.8, no clear difference; learned +5.2 ± 0.7, better" in told


def test_a_first_kind_that_is_undefined_is_not_the_only_one():
    told = sweep_markdown(variants(bicubic=[None, None], area=[0.5, 0.5]), **SHARED)
    assert "area has no seed in common with it" in told


def test_a_single_kind_has_nothing_beside_it():
    assert "there is nothing beside it" in sweep_markdown(variants(area=[0.4, 0.5]), **SHARED)


def test_an_undefined_accuracy_is_left_out():
    scalars = sweep_scalars(variants(bicubic=[0.4, None], area=[0.5, 0.6]))
    assert scalars["bicubic"] == {"seeds": 1.0, "mean": 0.4}
    assert scalars["area"]["gain"] == pytest.approx(0.1)


def test_the_page_fetches_nothing_and_names_every_variant():
    page = sweep_page(variants(bicubic=[0.4, 0.41], learned=[0.45, 0.46]), **SHARED)
    assert "Content-Security-Policy" in page
    assert page.count('<tr><th scope="row">learned</th>') == 1 + 2
    assert "<svg" in page
    assert "The teacher has 62.0." in page


def test_classifiers_are_told_in_percent():
    page = sweep_page(variants(bicubic=[0.8], area=[0.85]), metric="top1", split="val", teacher=0.9)
    assert "80.0" in page
    assert "top-1" in page
