import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lowres.stages.outputs import check_outputs, read_json, whole_folder, write_json


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


@pytest.fixture
def scores(tmp_path):
    """An input and three other names of it, and a folder with a file and a link to that input."""
    path = tmp_path / "scores.json"
    path.write_text("{}")
    (tmp_path / "link.json").symlink_to(path)
    (tmp_path / "twin.json").hardlink_to(path)
    (tmp_path / "here").symlink_to(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/details.json").write_text("{}")
    (tmp_path / "folder/link.json").symlink_to(path)
    return path


@pytest.mark.parametrize("name", ["scores.json", "link.json", "twin.json", "here/scores.json", "folder/../scores.json"])
def test_an_input_is_not_overwritten_under_any_of_its_names(name, scores, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"^--json {name}: would overwrite the input .*scores.json; give a new name$"):
        check_outputs({"--json": Path(name)}, inputs=[scores])


@pytest.mark.parametrize("name", ["folder/details.json", "folder/link.json"])
def test_what_stands_in_a_folder_of_inputs_is_not_overwritten(name, scores, tmp_path):
    with pytest.raises(ValueError, match=r"exists already inside .*folder; give a new name, or one outside"):
        check_outputs({"--json": tmp_path / name}, inputs=[tmp_path / "folder"])
    check_outputs({"--json": tmp_path / "folder/new.json"}, inputs=[tmp_path / "folder"])


@pytest.mark.parametrize("other", ["new.json", "here/new.json", "folder/../new.json"])
def test_two_outputs_are_not_one_file(other, scores, tmp_path):
    with pytest.raises(ValueError, match=r"^--html .*new.json: is the file of --json too; give each its own name$"):
        check_outputs({"--json": tmp_path / "new.json", "--html": tmp_path / other}, inputs=[])


def test_an_old_output_is_replaced(scores, tmp_path):
    old = tmp_path / "old.json"
    old.write_text("")
    check_outputs({"--json": old, "--html": None}, inputs=[scores, tmp_path / "missing.json"])
    write_json(old, [1])
    assert old.read_text() == "[\n  1\n]\n"


@pytest.mark.parametrize("content", [b'{"rows": [', b"", b"\xff\xfe{}"])
def test_damaged_json_of_another_stage_is_named(content, tmp_path):
    (tmp_path / "details.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"details\.json: damaged, no JSON \(.*\); run the stage that writes it again"):
        read_json(tmp_path / "details.json")
