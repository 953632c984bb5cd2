"""The dry run of every preset: its models, of their full size, take a step. A ResNet-50 takes eight seconds of one core."""

from pathlib import Path

import pytest

from lowres.config.params import load_params
from lowres.stages import check

PRESETS = sorted((Path(__file__).parents[2] / "presets").glob("*.yaml"))


def test_the_presets_of_the_paper_are_among_them():
    names = {path.stem for path in PRESETS}
    assert {"thumbdet-coco-4x", "thumbdet-coco-2x", "thumbdet-coco-rtdetrv2-4x", "thumbdet-coco-mini-gpu"} < names


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_builds_and_takes_a_step(path):
    params = load_params(path)
    losses = check.run(params)
    learned = {"downsampler"} if params.downsampler.kind == "learned" else set()
    assert set(losses) == {"teacher", "distill"} | learned
    assert losses["distill"]["detection" if params.task == "detection" else "recognition"] > 0
