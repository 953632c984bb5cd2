"""The arms of the studies are configurations that parse, and the results in the repository are theirs."""

import sys
from pathlib import Path

import pytest

from lowres.config.params import parse_params

STUDY = Path(__file__).parents[1] / "studies/thumbdet"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(STUDY))
    try:
        import arms
        import run

        yield arms.all_arms(), run
    finally:
        sys.path.remove(str(STUDY))
        for name in ("arms", "run"):
            sys.modules.pop(name, None)


def test_every_arm_parses_and_has_a_name_of_its_own(study):
    arms, run = study
    assert len({arm.key for arm in arms}) == len(arms) > 40
    for arm in arms:
        params = parse_params(run.values_of(arm), origin=arm.key)
        assert params.distill.train.seed == arm.seed
        groups = params.distill.train.optimiser.groups
        assert arm.kind == "learned" or not groups, "a fixed down-sampler has nothing for a group to match"


def test_every_result_is_of_an_arm_as_it_is_now(study):
    arms, run = study
    done = {f"{arm.key}.json" for arm in arms if run.is_done(arm)}  # refuses one made with other parameters
    assert {path.name for path in run.RESULTS.glob("*.json")} == done
