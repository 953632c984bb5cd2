import contextlib

import pytest
from tests.stages.commands import lowres, refused
from tests.stages.small import small_params, write_params

from lowres.engine.lock import folder_lock
from lowres.stage_commands import STAGES


@pytest.mark.parametrize("stage", [stage.__name__ for stage in STAGES])
def test_a_second_process_of_a_stage_is_refused_whatever_its_parameters(stage, tmp_path):
    write_params(tmp_path / "params.yaml", small_params())
    with contextlib.chdir(tmp_path), folder_lock(tmp_path / ".lowres/stages" / stage):
        refused(lowres(tmp_path, stage, check=False), f".lowres/stages/{stage} is in use by")
