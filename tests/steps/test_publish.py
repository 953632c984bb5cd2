"""A run's outputs in a bucket, and data by md5 from it."""

import json
from pathlib import Path

import pytest
from tests.steps.recording import recorded
from tests.storage.dvc_layout import dvc_objects

import lowres
from lowres.data.shards import ShardWriter
from lowres.stages.provenance import data_identity
from lowres.steps.fetch import fetch_data
from lowres.steps.places import PLACES
from lowres.steps.publish import code_files, publish_outputs
from lowres.storage.pull import pull_folder


@pytest.fixture
def outputs(tmp_path):
    """An artifact for every output of a step, a file for numbers and a folder for the rest."""
    made = {}
    for step, output in PLACES:
        path = tmp_path / step / output
        path.parent.mkdir(parents=True, exist_ok=True)
        if output == "numbers":
            path.write_text(f"{step}\n")
        else:
            path.mkdir()
            (path / "file").write_text(f"{step} {output}\n")
        made[f"{step}_{output}"] = recorded(path)
        made[f"{step}_{output}"].metadata |= {"commit": "abc", "score": 0.5}
    return made


def publish(s3, outputs, **change):
    options = {"publish_to": "s3://bucket/runs/", "endpoint_url": s3.url, "run": "run-1"}
    publish_outputs(**(options | {"params_file": json.dumps("task: detection\n"), "data_md5": ""} | change), **outputs)


def test_outputs_lie_in_the_bucket_as_in_a_working_folder(s3, outputs, tmp_path):
    publish(s3, outputs)
    pull_folder("s3://bucket/runs/run-1", tmp_path / "copy", endpoint_url=s3.url)
    for (step, output), place in PLACES.items():
        copy = tmp_path / "copy" / place
        assert copy.read_text() == f"{step}\n" if output == "numbers" else (copy / "file").is_file()


def test_the_record_says_what_made_them(s3, outputs, tmp_path, monkeypatch):
    monkeypatch.setenv("LOWRES_COMMIT", "abc")
    publish(s3, outputs)
    pull_folder("s3://bucket/runs/run-1", tmp_path / "copy", endpoint_url=s3.url)
    record = json.loads((tmp_path / "copy/run.json").read_text())
    assert (record["run"], record["params"], record["commit"]) == ("run-1", "task: detection\n", "abc")
    assert record["code"] == code_files(Path(lowres.__file__).parent)
    assert {"ops/boxes.py", "report/page.html", "records.py"} < record["code"].keys()
    assert record["artifacts"]["teacher_model"] == {"commit": "abc"}


def test_data_that_the_remote_has_are_not_sent_again(s3, outputs):
    publish(s3, outputs, data_md5="0" * 32 + ".dir")
    assert not any("outputs/data" in name for name in s3.objects)
    assert any("outputs/teacher" in name for name in s3.objects)


def test_an_output_that_is_missing_fails_the_step(s3, outputs, capsys):
    outputs["export_numbers"].path += "-gone"
    with pytest.raises(SystemExit, match="2"):
        publish(s3, outputs)
    assert "error: " in capsys.readouterr().err
    assert s3.objects == {}


def test_fetched_data_say_where_they_come_from(s3, tmp_path):
    for split in ("train", "val", "test"):
        (tmp_path / "data" / split).mkdir(parents=True)
        with ShardWriter(tmp_path / "data" / split, shard_bytes=1000) as writer:
            writer.finish("0")
    md5, objects = dvc_objects(tmp_path / "data")
    s3.objects = {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
    splits = recorded(tmp_path / "splits")
    fetch_data(md5=md5, remote="s3://bucket/dvc", endpoint_url=s3.url, splits=splits)
    assert splits.metadata["data_md5"] == md5
    assert splits.metadata["data"] == data_identity(tmp_path / "data")


def test_data_that_are_not_there_end_the_step_with_one_line(s3, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        fetch_data(
            md5="0" * 32 + ".dir", remote="s3://bucket/dvc", endpoint_url=s3.url, splits=recorded(tmp_path / "splits")
        )
    assert "no such object; run `dvc push`" in capsys.readouterr().err
