"""Checkpoints are keyed by the code that decides a training: which code that is follows from the stages' imports."""

from pathlib import Path

import grimp
import pytest

import lowres
from lowres.stages.provenance import code_files

# Their values are in the key (config), or they take no part in a training: they refuse, or write what it gave.
NOT_KEYED = ("config/", "stages/classes.py", "stages/outputs.py", "stages/pictures.py", "stages/provenance.py")


@pytest.mark.parametrize("stage", ["teacher", "downsampler", "baseline", "distill"])
def test_what_a_training_imports_is_in_the_key_of_its_checkpoints(stage):
    names = grimp.build_graph("lowres").find_upstream_modules(f"lowres.stages.{stage}") | {f"lowres.stages.{stage}"}
    paths = {f"{name.removeprefix('lowres.').replace('.', '/')}.py" for name in names - {"lowres"}}
    modules = {path for path in paths if (Path(lowres.__file__).parent / path).is_file()}  # packages are empty
    assert f"stages/{stage}.py" in modules
    assert "stages/kits/classification.py" in modules
    assert {path for path in modules - set(code_files()) if not path.startswith(NOT_KEYED)} == set()
