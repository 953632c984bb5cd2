import json
import subprocess

import pytest

from lowres.engine.history import History


def train_record(step):
    return {"kind": "train", "step": step, "loss": step / 3, "terms": {"a": 1.0}}


def evaluation_record(step):
    return {"kind": "evaluation", "step": step, "metrics": {"ap": 0.5, "ap_small": None}}


@pytest.fixture
def folder(tmp_path):
    with History(tmp_path, step=0, evaluation_pending=False, dvclive_folder=None) as history:
        for record in (train_record(1), train_record(2), evaluation_record(2), train_record(3)):
            history.write(record)
    return tmp_path


def kept(folder, **options):
    with History(folder, dvclive_folder=None, **options) as history:
        records = history.records
    lines = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    return [(record["kind"], record["step"]) for record in records]


def test_resume_keeps_records_up_to_its_step(folder):
    assert kept(folder, step=2, evaluation_pending=False) == [("train", 1), ("train", 2), ("evaluation", 2)]


def test_resume_before_an_evaluation_drops_that_evaluation(folder):
    assert kept(folder, step=2, evaluation_pending=True) == [("train", 1), ("train", 2)]


def test_half_a_line_at_the_end_is_cut(folder):
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    assert len(kept(folder, step=3, evaluation_pending=False)) == 4


def test_a_fresh_start_empties_what_a_deleted_run_left(folder):
    assert kept(folder, step=0, evaluation_pending=False) == []


def test_numbers_come_back_to_the_bit(folder):
    with History(folder, step=3, evaluation_pending=False, dvclive_folder=None) as history:
        assert history.records[0]["loss"] == 1 / 3


def test_a_git_repository_without_a_commit_has_no_dvclive_but_a_history(tmp_path, monkeypatch, caplog):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    with History(tmp_path, step=0, evaluation_pending=False, dvclive_folder=tmp_path / "live") as history:
        history.write(train_record(1))
    (line,) = (tmp_path / "history.jsonl").read_text().splitlines()
    assert json.loads(line) == train_record(1)
    assert "Empty git repo" in caplog.text
    assert "scalars go to history.jsonl alone" in caplog.text
