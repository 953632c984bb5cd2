"""The arms of the studies are configurations that parse, and the results in the repository are theirs."""

import pytest
from studies.dfd import run as dfd
from studies.thumbdet import run as thumbdet

from lowres.config.params import parse_params

STUDIES = pytest.mark.parametrize("study", [thumbdet, dfd], ids=["thumbdet", "dfd"])


@STUDIES
def test_every_arm_parses_and_has_a_name_of_its_own(study):
    arms = study.all_arms()
    assert len({arm.key for arm in arms}) == len(arms) > 40
    for arm in arms:
        params = parse_params(study.values_of(arm), origin=arm.key)
        assert params.distill.train.seed == arm.seed
        groups = params.distill.train.optimiser.groups
        assert arm.kind == "learned" or not groups, "a fixed down-sampler has nothing for a group to match"


@STUDIES
def test_every_result_is_of_an_arm_as_it_is_now(study):
    done = {f"{arm.key}.json" for arm in study.all_arms() if study.is_done(arm)}  # refuses other parameters
    assert {path.name for path in study.RESULTS.glob("*.json")} == done


def test_students_of_a_seed_share_a_teacher_that_is_an_arm():
    arms = {arm.key: arm for arm in dfd.all_arms()}
    for arm in arms.values():
        assert arms[arm.teacher.key].is_teacher
        assert arm.teacher.seed == arm.seed
