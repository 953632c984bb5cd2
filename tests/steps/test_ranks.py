import os
from pathlib import Path

import pytest
from tests.steps import ranked_stage

from lowres.engine.launch import ranks_wanted
from lowres.steps.ranks import run_on_ranks

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))


def test_every_process_takes_part_and_the_first_answers(tmp_path, capfd):
    values = run_on_ranks(ranked_stage.run, {"task": "detection"}, {"out_model": tmp_path / "model"}, count=2)
    assert values == {"ranks": [0, 1]}
    assert (tmp_path / "model").is_dir()
    assert {"told by rank 0", "told by rank 1"} <= set(capfd.readouterr().err.splitlines())
    for rank in range(2):
        # One of gloo's threads that asks for the interpreter's lock while it is torn down aborts the process.
        left = (tmp_path / f"threads-{rank}").read_text().split("\n")
        assert [name for name in left if "gloo" in name] == []


def test_what_a_process_refuses_is_the_steps_own_line(tmp_path):
    with pytest.raises(ValueError, match=r"^planted in a rank$"):
        run_on_ranks(ranked_stage.run, {"task": "classification"}, {"out_model": tmp_path / "model"}, count=2)


def test_under_torchrun_and_without_gpus_nothing_more_is_started(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert ranks_wanted() == 1
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert ranks_wanted() == 4
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert ranks_wanted() == 1
