"""A short form of `kill_runs.py`, which does the same with any number of kills."""

import pytest
from kill_runs import finish, killed_until_done

STEPS = 30


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("undisturbed"), workers=0, steps=STEPS)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path, undisturbed, workers):
    found = killed_until_done(tmp_path, kills=2, workers=workers, steps=STEPS, seed=workers)
    assert found == undisturbed
    assert len(list(tmp_path.glob("checkpoint-*.pt"))) == 2
