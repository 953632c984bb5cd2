"""A line for each variant of a sweep, and the table that holds them."""

import json

import pytest
from tests.steps.recording import recorded

from lowres.stages.outputs import write_json
from lowres.steps.sweep import compare, score


def details_of(accuracy):
    cost = {"multiply_adds": 2e6, "latency": {"total": {"p50_ms": 3.5}}}
    rows = [
        {"key": key, "metrics": {"ap": value}, "cost": cost} for key, value in (("teacher", 0.6), ("student", accuracy))
    ]
    sections = {"teacher": "t1", "distill": "d1"}
    return {"task": "detection", "split": "val", "split_data": "abc", "sections": sections, "rows": rows}


@pytest.fixture
def line(tmp_path):
    """Make the line of a variant from an evaluation with this accuracy; `changes` go into its details."""

    def make(kind, seed, accuracy, **changes):
        folder = tmp_path / f"{kind}-{seed}"
        folder.mkdir()
        write_json(folder / "details.json", details_of(accuracy) | changes)
        teacher = tmp_path / "teacher"
        teacher.mkdir(exist_ok=True)
        (teacher / "model.safetensors").write_bytes(b"weights")
        evaluation = recorded(folder)
        evaluation.metadata |= {"data": "d0", "data_md5": "0f.dir", "config": "of evaluate", "image": "of evaluate"}
        return score(kind=kind, seed=seed, teacher=recorded(teacher), evaluation=evaluation)

    return make


@pytest.fixture
def outputs(tmp_path):
    return {name: recorded(tmp_path / "out" / name) for name in ("page", "verdict", "metrics")}


def test_a_line_has_what_the_student_reaches_and_costs(line):
    told = json.loads(line("area", 3, 0.41))
    assert told["kind"] == "area"
    assert told["seed"] == 3
    assert (told["metric"], told["accuracy"], told["teacher"]) == ("ap", 0.41, 0.6)
    assert (told["multiply_adds"], told["latency_ms"]) == (2e6, 3.5)


def test_lines_become_a_page_a_verdict_and_scalars(line, outputs, tmp_path):
    compare([line("bicubic", 0, 0.4), line("learned", 0, 0.45)], **outputs)
    assert (tmp_path / "out/page").read_text().lstrip().startswith("<!doctype html>")
    assert "| learned | 1 | 45.0 | +5.0 |" in (tmp_path / "out/verdict").read_text()
    assert outputs["metrics"].metadata["learned.gain"] == pytest.approx(0.05)


def test_page_and_verdict_say_where_they_come_from(line, outputs, monkeypatch):
    monkeypatch.setenv("LOWRES_IMAGE", "lowres@sha256:1")

    def told(*lines):
        compare(lines, **outputs)
        assert outputs["page"].metadata == outputs["verdict"].metadata
        return dict(outputs["page"].metadata)

    first = line("bicubic", 0, 0.4)
    metadata = told(first)
    assert (metadata["data"], metadata["data_md5"], metadata["image"]) == ("d0", "0f.dir", "lowres@sha256:1")
    assert {"code_sha256", "commit"} <= metadata.keys()
    other = line("learned", 0, 0.45, sections={"teacher": "t1", "distill": "d2"})
    assert len({metadata["config"], told(other)["config"], told(first, other)["config"]}) == 3


def test_lines_over_other_images_are_refused_in_one_line(line, outputs, capsys):
    with pytest.raises(SystemExit):
        compare([line("bicubic", 0, 0.4), line("learned", 0, 0.45, split_data="xyz")], **outputs)
    assert "error: the variants differ in split_data" in capsys.readouterr().err


def test_lines_of_other_teachers_are_refused_in_one_line(line, outputs, capsys):
    other = json.loads(line("learned", 0, 0.45)) | {"teacher_sha256": "0"}
    with pytest.raises(SystemExit):
        compare([line("bicubic", 0, 0.4), json.dumps(other)], **outputs)
    assert "error: the variants differ in teacher_sha256" in capsys.readouterr().err


def test_a_teacher_measured_on_another_machine_is_the_same_teacher(line, outputs):
    elsewhere = json.loads(line("learned", 0, 0.45)) | {"teacher": 0.6000000001}
    compare([line("bicubic", 0, 0.4), json.dumps(elsewhere)], **outputs)
    assert outputs["metrics"].metadata["learned.gain"] == pytest.approx(0.05)
