"""The arms of the studies are configurations that parse, and the results in the repository are theirs."""

from studies.thumbdet import run as thumbdet
from studies.thumbdet.arms import all_arms

from lowres.config.params import parse_params


def test_every_arm_parses_and_has_a_name_of_its_own():
    arms, run = all_arms(), thumbdet
    assert len({arm.key for arm in arms}) == len(arms) > 40
    for arm in arms:
        params = parse_params(run.values_of(arm), origin=arm.key)
        assert params.distill.train.seed == arm.seed
        groups = params.distill.train.optimiser.groups
        assert arm.kind == "learned" or not groups, "a fixed down-sampler has nothing for a group to match"


def test_every_result_is_of_an_arm_as_it_is_now():
    arms, run = all_arms(), thumbdet
    done = {f"{arm.key}.json" for arm in arms if run.is_done(arm)}  # refuses one made with other parameters
    assert {path.name for path in run.RESULTS.glob("*.json")} == done
