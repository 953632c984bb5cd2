"""Variants of one experiment differ in what was asked for, and in nothing else."""

import copy

import pytest
from ruamel.yaml import YAML
from tests.stages.small import ROOT

from lowres.config.params import parse_params
from lowres.config.variants import variant_of


@pytest.fixture
def values():
    return YAML(typ="safe").load((ROOT / "presets/thumbdet-demo.yaml").read_text())


def test_the_files_own_kind_keeps_its_section(values):
    changed = variant_of(values, kind="learned", seed=0)
    assert changed == values


def test_only_the_seeds_of_what_a_variant_trains_change(values):
    before = copy.deepcopy(values)
    changed = variant_of(values, kind="learned", seed=5)
    assert values == before
    assert changed["downsampler"]["train"].pop("seed") == changed["distill"]["train"].pop("seed") == 5
    for section in ("downsampler", "distill"):
        del before[section]["train"]["seed"]
    assert changed == before
    assert changed["teacher"]["train"]["seed"] == 0


@pytest.mark.parametrize("kind", ["bicubic", "bilinear", "area"])
def test_a_fixed_kind_has_nothing_to_train(values, kind):
    changed = variant_of(values, kind=kind, seed=1)
    params = parse_params(changed)
    assert params.downsampler.kind == kind
    assert params.downsampler.ratio == values["downsampler"]["ratio"]
    assert params.downsampler.train is None
    assert params.distill.train_downsampler is False
    assert changed["distill"]["train"]["optimiser"]["groups"] == []


def test_parameter_groups_of_other_modules_stay(values):
    backbone = {"match": r"\bbackbone\b", "lr_factor": 0.1}
    values["distill"]["train"]["optimiser"]["groups"].append(backbone)
    assert variant_of(values, kind="area", seed=0)["distill"]["train"]["optimiser"]["groups"] == [backbone]


def test_a_file_with_a_fixed_kind_has_no_options_for_a_learned_one(values):
    fixed = variant_of(values, kind="area", seed=0)
    with pytest.raises(ValueError, match=r"'learned': the params file has no options for it"):
        variant_of(fixed, kind="learned", seed=0)


def test_a_group_that_holds_more_than_the_down_sampler_is_refused(values):
    values["distill"]["train"]["optimiser"]["groups"] = [{"match": "downsampler|backbone", "lr_factor": 0.1}]
    with pytest.raises(ValueError, match="holds the down-sampler and more; give it a group of its own"):
        variant_of(values, kind="area", seed=0)
