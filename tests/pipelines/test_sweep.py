"""The pipeline of a sweep: which variants it trains, what they share, what it refuses."""

import json

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from pipelines.golden import FOLDER, PARAMS
from pipelines.sweep import Sweep, sweep_arguments, variants_of
from tests.pipelines.spec import documents

SWEEP = Sweep(kinds=("bicubic", "learned"), seeds=(0, 7))


def test_each_kind_meets_each_seed_and_one_seed_comes_whole_before_the_next():
    variants = variants_of(PARAMS, SWEEP)
    pairs = [("bicubic", "0"), ("learned", "0"), ("bicubic", "7"), ("learned", "7")]
    assert [(variant["kind"], variant["seed"]) for variant in variants] == pairs
    for variant in variants:
        assert json.loads(variant["downsampler"])["kind"] == variant["kind"]
        assert json.loads(variant["distill"])["train"]["seed"] == int(variant["seed"])


def test_a_sweep_chooses_on_the_validation_split():
    assert json.loads(sweep_arguments(PARAMS)["evaluate"])["split"] == "val"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kinds": ()}, "kinds"),
        ({"kinds": ("area", "area")}, "each once"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"parallel": -1}, "-1 variants at a time"),
    ],
)
def test_a_sweep_of_nothing_or_of_the_same_twice_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Sweep(**({"kinds": ("area",), "seeds": (0,)} | changes))


def test_a_kind_without_options_in_the_file_is_refused():
    with pytest.raises(ValueError, match=r"'nearest'.*learned, identity, bicubic, bilinear, area"):
        variants_of(PARAMS, Sweep(kinds=("nearest",), seeds=(0,)))


def test_a_kind_that_does_not_fit_the_ratio_is_refused():
    with pytest.raises(ValueError, match=r"identity with seed 0.*ratio 1 is kind identity"):
        variants_of(PARAMS, Sweep(kinds=("identity",), seeds=(0,)))


def test_all_variants_have_one_teacher_and_their_scores_meet():
    components = documents(FOLDER / "sweep-cpu.yaml")[0]["components"]
    dags = {name: part["dag"]["tasks"] for name, part in components.items() if "dag" in part}
    (loop,) = [tasks for name, tasks in dags.items() if "for-loop" in name]
    assert set(loop) == {"downsampler", "baseline", "distill", "evaluate", "score"}
    (outer,) = [tasks for name, tasks in dags.items() if "exit-handler" in name]
    assert set(outer) == {"prepare", "teacher", "students"}
    (compare,) = [tasks["compare"] for tasks in dags.values() if "compare" in tasks]
    assert list(compare["inputs"]["parameters"]) == ["scores"]
