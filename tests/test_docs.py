"""What the documentation shows is what the package takes."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lowres.config.data import Data

PAGE = Path(__file__).parents[1] / "docs/data.md"
BLOCKS = [block.split("```")[0] for block in PAGE.read_text().split("```yaml\n")[1:]]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_source_that_the_page_shows_is_one(block):
    sizing = {"short_side_px": 64, "long_side_px": 64, "stretch": False, "canvas_multiple_px": 32}
    numbers = {"max_bad_fraction": 0.0, "min_side_px": 32, "shard_mb": 64}
    Data.model_validate({**YAML(typ="safe").load(block), "input": sizing, **numbers})


def test_the_page_shows_every_kind_of_source():
    shown = " ".join(BLOCKS)
    kinds = Data.model_json_schema()["properties"]["source"]["discriminator"]["mapping"]
    assert {"coco", "class_folders"} <= set(kinds)
    for kind in kinds:
        assert f"kind: {kind}" in shown, kind
