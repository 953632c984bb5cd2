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
    assert told.startswith("learned against bicubic: +2.0 ± 0.0 AP on the val split, 3 seeds: better.")


@pytest.mark.parametrize(
    ("others", "verdict"),
    [([0.5, 0.51], "better"), ([0.3, 0.31], "worse"), ([0.35, 0.46], "no clear difference")],
)
def test_the_verdict_is_what_the_interval_supports(others, verdict):
    told = sweep_markdown(variants(bicubic=[0.4, 0.41], area=others), **SHARED)
    assert told.split("\n")[0].endswith(f"2 seeds: {verdict}.")


def test_one_seed_says_nothing_of_the_spread():
    told = sweep_markdown(variants(bicubic=[0.4], area=[0.5]), **SHARED)
    assert told.startswith("area against bicubic: +10.0 AP on the val split, with one seed, which says nothing")


def test_the_best_of_several_is_named():
    told = sweep_markdown(variants(bicubic=[0.4, 0.41], area=[0.41, 0.42], learned=[0.45, 0.46]), **SHARED)
    assert told.startswith("learned against bicubic")


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
    assert "Their one teacher has 62.0." in page


def test_classifiers_are_told_in_percent():
    page = sweep_page(variants(bicubic=[0.8], area=[0.85]), metric="top1", split="val", teacher=0.9)
    assert "80.0" in page
    assert "top-1" in page
