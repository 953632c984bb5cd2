"""A short form of `kill_runs.py`: its 80 kills take many minutes, so they are `make kill-test`."""

from functools import partial

import pytest
from detector_run import packed_signs
from kill_runs import finish, killed_until_done
from processes import start_detector, start_tiny

STEPS = 30


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("undisturbed"), partial(start_tiny, workers=0, steps=STEPS))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path, undisturbed, workers):
    begin = partial(start_tiny, workers=workers, steps=STEPS)
    assert killed_until_done(tmp_path, begin, kills=2, seed=workers) == undisturbed
    assert len(list(tmp_path.glob("checkpoint-*.pt"))) == 2


def test_a_killed_distillation_with_loader_workers_ends_with_the_same_bits(tmp_path):
    begin = partial(start_detector, split=packed_signs(tmp_path), steps=12)
    expected = finish(tmp_path / "undisturbed", partial(begin, workers=0))
    assert killed_until_done(tmp_path / "killed", partial(begin, workers=2), kills=1, seed=1) == expected
