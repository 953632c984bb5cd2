import os
import shutil
import subprocess
import sys

import pytest

from lowres.stages.outputs import whole_folder


def fail_halfway(path):
    with whole_folder(path) as folder:
        (folder / "a").write_text("new")
        (folder / "missing").read_text()


def test_a_failed_stage_leaves_the_old_folder_and_nothing_else(tmp_path):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(FileNotFoundError):
        fail_halfway(tmp_path / "out")
    assert (tmp_path / "out/a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_remains_of_a_dead_process_go_and_the_work_of_a_live_one_stays(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead, alive = tmp_path / f".out-{gone.stdout.strip()}-x", tmp_path / f".out-{os.getppid()}-x"
    dead.mkdir()
    alive.mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert not dead.exists()
    assert alive.exists()


def test_the_folder_before_is_out_of_sight_before_it_is_removed(tmp_path, monkeypatch):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("old")
    seen = []
    remove = shutil.rmtree

    def look_and_remove(path, **options):
        seen.append((tmp_path / "out/a").read_text())
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", look_and_remove)
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
    assert seen == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
