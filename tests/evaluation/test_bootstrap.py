import math

import numpy as np
import pytest

from lowres.evaluation.bootstrap import centred, intervals_around, percentile_interval, resampled, value_of

HITS = np.arange(400) % 2 == 0


def mean_hit(weights):
    return {"hit": weights @ HITS / weights.sum(axis=1)}


def test_weights_of_ones_give_the_value_itself():
    assert value_of(mean_hit, num_images=400) == {"hit": 0.5}


def test_every_resample_draws_as_many_images_as_there_are():
    totals = resampled(lambda weights: {"total": weights.sum(axis=1)}, num_images=7, resamples=50)["total"]
    assert (totals == 7).all()


def test_the_interval_of_a_share_is_the_binomial_one():
    low, high = intervals_around(mean_hit, num_images=400, resamples=2000)["hit"]
    half = 1.96 * math.sqrt(0.25 / 400)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.005)


def test_a_seed_gives_the_same_values_whatever_the_block():
    values = [
        resampled(mean_hit, num_images=400, resamples=33, seed=seed, block=block)["hit"].tolist()
        for seed, block in ((3, 64), (3, 5), (4, 64))
    ]
    assert values[0] == values[1] != values[2]


def test_percentiles_leave_out_what_is_undefined():
    values = np.array([0.0, np.nan, 1.0, np.nan, 0.5])
    assert percentile_interval(values, level=0.5) == (0.25, 0.75)
    assert percentile_interval(np.full(3, np.nan)) is None


def test_centring_moves_the_mean_to_the_number_and_keeps_the_width():
    moved = centred(np.array([0.4, np.nan, 0.6]), at=0.45)
    assert moved[[0, 2]].tolist() == pytest.approx([0.35, 0.55])


def test_an_interval_stays_within_0_and_1_and_undefined_values_have_none():
    def statistic(weights):
        share = (weights[:, 0] > 0).astype(float)
        return {"share": share, "nothing": np.full(len(weights), np.nan)}

    found = intervals_around(statistic, num_images=5, resamples=200)
    assert found["nothing"] is None
    assert 0 <= found["share"][0] <= found["share"][1] <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_images": 0}, "no images"),
        ({"num_images": 3, "resamples": 0}, "resamples: 0 is under 1"),
        ({"num_images": 3, "seed": -1}, "seed: -1 is negative; use 0 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        resampled(mean_hit, **options)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_outside_0_and_1_are_refused(level):
    with pytest.raises(ValueError, match=r"level: .* is outside \(0, 1\)"):
        percentile_interval(np.zeros(3), level=level)
