import json
from pathlib import Path

import pytest
from tests.steps.recording import recorded

from lowres.config.data import Input
from lowres.data.shards import ShardWriter
from lowres.models.checksum import sha256_of
from lowres.stages.provenance import data_identity
from lowres.steps.failing import LAST_WORDS
from lowres.steps.gpus import GPUS, check_gpus
from lowres.steps.run import run_stage

SIZING = {"short_side_px": 64, "long_side_px": 64, "stretch": False, "canvas_multiple_px": 32}
SECTIONS = {"task": "detection", "data.input": json.dumps(SIZING)}


@pytest.fixture
def data(tmp_path):
    """A prepared data set without images."""
    for split in ("train", "val", "test"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        with ShardWriter(folder, shard_bytes=1000) as writer:
            writer.finish("0")
    return recorded(tmp_path / "data")


@pytest.fixture
def out(tmp_path):
    return recorded(tmp_path / "out")


def path_of(artifact):
    return Path(artifact.path)


def weigh(folder):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")


def test_a_stage_gets_its_sections_in_order_and_paths(data, out, tmp_path):
    def stage(task, sizing, *, data, out_model):
        assert (task, sizing) == ("detection", Input(**SIZING))
        assert (data, out_model) == (tmp_path / "data", tmp_path / "out")
        weigh(out_model)
        return {}

    run_stage(stage, SECTIONS, data=data, out_model=out)


def test_outputs_say_where_they_come_from_and_inputs_stay_as_they_are(data, out, monkeypatch):
    monkeypatch.setenv("LOWRES_COMMIT", "abc")
    monkeypatch.setenv("LOWRES_IMAGE", "lowres@sha256:1")
    run_stage(lambda *_, data, out_model: weigh(out_model) or {}, SECTIONS, data=data, out_model=out)
    told = out.metadata
    assert (told["commit"], told["image"]) == ("abc", "lowres@sha256:1")
    assert told["data"] == data_identity(path_of(data))
    assert told["model_sha256"] == sha256_of(path_of(out) / "model.safetensors")
    assert len(told["config"]) == 16
    assert data.metadata == {}
    assert "data_md5" not in told


def test_the_md5_by_which_data_were_fetched_goes_along(data, out):
    data.metadata |= {"data_md5": "0f.dir", "image": "of fetch", "commit": "of fetch"}
    run_stage(lambda *_, data, out_model: weigh(out_model) or {}, SECTIONS, data=data, out_model=out)
    assert out.metadata["data_md5"] == "0f.dir"
    assert out.metadata["image"] != "of fetch"


def test_what_only_the_ui_shows_says_where_it_comes_from_too(data, out, tmp_path):
    page, verdict, matrix = (recorded(tmp_path / name) for name in ("page", "verdict", "matrix"))

    def stage(*_, data, out_report, out_evaluation):
        for folder in (out_report, out_evaluation):
            folder.mkdir()
        (out_report / "index.html").write_text("<!doctype html>")
        (out_report / "summary.txt").write_text("well")
        details = {"confusion": [[1, 0], [0, 1]], "class_names": ["a", "b"]}
        (out_evaluation / "details.json").write_text(json.dumps(details))
        return {}

    evaluation = recorded(tmp_path / "evaluation")
    shown = {"page": page, "verdict": verdict, "confusion": matrix}
    run_stage(stage, SECTIONS, data=data, out_report=out, out_evaluation=evaluation, **shown)
    for artifact in shown.values():
        assert {"data", "config", "code_sha256", "commit", "image"} <= artifact.metadata.keys()
    assert matrix.metadata["confusion"][0] == ["a", "b"]


def test_another_section_is_another_configuration(data, out):
    def configuration(**change):
        sections = {**SECTIONS, "data.input": json.dumps(SIZING | change)}
        run_stage(lambda *_, data, out_model: {}, sections, data=data, out_model=out)
        return out.metadata["config"]

    assert configuration() == configuration() != configuration(stretch=True)


def test_several_artifacts_become_one_folder(data, out, tmp_path):
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "somewhere/history.jsonl").write_text("steps")

    def stage(*_, data, histories, out_report):
        assert [path.name for path in histories.iterdir()] == ["teacher"]
        assert (histories / "teacher/history.jsonl").read_text() == "steps"
        return {}

    run_stage(stage, SECTIONS, data=data, histories={"teacher": recorded(tmp_path / "somewhere")}, out_report=out)


def test_the_whole_file_reaches_the_stage_byte_for_byte(data, out):
    text = "# é 'quoted' \\n\ntask: detection\n"

    def stage(*_, data, params_file, out_export):
        assert params_file.read_text() == text
        return {}

    run_stage(stage, SECTIONS, params_text=json.dumps(text), data=data, out_export=out)


def test_metrics_are_shown_and_what_is_none_is_named(data, out, tmp_path, capsys):
    metrics, numbers = recorded(tmp_path / "metrics"), recorded(tmp_path / "numbers")

    def stage(*_, data, out_model, out_metrics):
        assert out_metrics == tmp_path / "numbers"
        return {"ap": 0.5, "ap_small": None}

    run_stage(stage, SECTIONS, metrics=metrics, data=data, out_model=out, out_metrics=numbers)
    assert metrics.metadata == {"ap": 0.5}
    assert {"data", "config"} < numbers.metadata.keys()
    assert "ap_small" in capsys.readouterr().out


def test_a_stage_that_refuses_its_input_ends_the_step_with_one_line(data, out, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(LAST_WORDS, str(tmp_path / "absent"))

    def stage(*_, data, out_model):
        raise ValueError("outputs/teacher: no\n  such model")

    with pytest.raises(SystemExit) as ended:
        run_stage(stage, SECTIONS, data=data, out_model=out)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: outputs/teacher: no such model\n"
    assert out.metadata == {}


def test_a_stage_is_not_started_where_torch_does_not_see_the_gpus_that_the_step_asked_for(
    data, out, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv(LAST_WORDS, str(tmp_path / "absent"))
    monkeypatch.setenv(GPUS, "2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(SystemExit) as ended:
        run_stage(lambda *_, **paths: pytest.fail("started"), SECTIONS, data=data, out_model=out)
    assert ended.value.code == 2
    assert "error: the step asked for 2 GPUs, but torch sees 1: torch is built for C" in capsys.readouterr().err
    monkeypatch.setenv(GPUS, "1")
    run_stage(lambda *_, data, out_model: weigh(out_model) or {}, SECTIONS, data=data, out_model=out)


def test_gpus_that_the_driver_counts_and_torch_cannot_use_are_not_seen(monkeypatch):
    monkeypatch.setenv(GPUS, "1")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)  # the driver's own, where it is too old for torch
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="the step asked for 1 GPU, but torch sees 0"):
        check_gpus()
