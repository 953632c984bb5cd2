from pathlib import Path

import pytest

from lowres.config import load_params
from lowres.stages import check

PRESETS = Path(__file__).parents[2] / "presets"


# Those with a ResNet-50 take a minute of one core each; `lowres check --params presets/NAME.yaml` runs them.
@pytest.mark.parametrize("name", ["thumbdet-demo", "thumbdet-demo-deformable", "thumbdet-bccd", "thumbdet-coco-mini"])
def test_a_preset_builds_and_takes_a_step(name):
    losses = check.run(load_params(PRESETS / f"{name}.yaml"))
    assert set(losses) == {"teacher", "downsampler", "distill"}
    assert losses["distill"]["detection"] > 0
