"""The whole DAG through the command line, once, at a tiny size; then facts about what it left."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tests.stages.small import small_params, write_params

import lowres.api as api
from lowres.models.artifact import sha256_of

STAGES = ["prepare", "teacher", "downsampler", "distill", "evaluate", "export", "report"]


def lowres(folder, *arguments, check=True):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "lowres.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_params(folder / "params.yaml", small_params())
    for stage in STAGES:
        lowres(folder, stage)
    return folder


def test_every_stage_leaves_its_output_whole(finished):
    outputs = finished / "outputs"
    for name in (
        "data/train/index.json",
        "data/check.json",
        "data/profile.json",
        "teacher/model.safetensors",
        "downsampler/thumbnails.png",
        "student/config.json",
        "evaluation/details.json",
        "evaluation/precision_recall_student.csv",
        "export/model.onnx",
        "export/README.md",
        "report/index.html",
        "history/distill/train.csv",
        "history/teacher/evaluation.csv",
        "metrics/evaluation.json",
    ):
        assert (outputs / name).stat().st_size > 0, name
    assert not [path.name for path in outputs.glob(".*")]


def test_the_three_rows_are_measured(finished):
    details = json.loads((finished / "outputs/evaluation/details.json").read_text())
    assert [row["key"] for row in details["rows"]] == ["teacher", "teacher_bicubic", "student"]
    for row in details["rows"]:
        assert row["cost"]["multiply_adds"] > 0
        assert row["cost"]["latency"]["total"]["p99_ms"] >= row["cost"]["latency"]["total"]["p50_ms"] > 0
        assert row["cost"]["peak_memory_bytes"] > 0


def test_the_page_names_the_teacher_and_fetches_nothing(finished):
    page = (finished / "outputs/report/index.html").read_text()
    assert "Teacher, full resolution" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_work_again_resumes_and_leaves_the_same_weights(finished):
    before = sha256_of(finished / "outputs/student/model.safetensors")
    shutil.rmtree(finished / "outputs/student")
    done = lowres(finished, "distill")
    assert "goes on from" in done.stdout + done.stderr
    assert sha256_of(finished / "outputs/student/model.safetensors") == before


def test_training_afresh_leaves_the_same_weights(finished, tmp_path):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    shutil.copy(finished / "params.yaml", tmp_path)
    lowres(tmp_path, "teacher")
    again = sha256_of(tmp_path / "outputs/teacher/model.safetensors")
    assert again == sha256_of(finished / "outputs/teacher/model.safetensors")


def test_three_lines_of_python_agree_with_onnx(finished):
    image = next((finished / "outputs").rglob("thumbnails/*.png"))
    folder = api.load(finished / "outputs/student")
    file = api.load(finished / "outputs/export/model.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    one, other = api.predict(folder, pixels), api.predict(file, pixels)
    assert folder.class_names == file.class_names
    np.testing.assert_allclose(one.scores[:10], other.scores[:10], atol=1e-4)
    assert len(api.predict(file, image).scores) > 0


@pytest.mark.parametrize("model", ["outputs/student", "outputs/export/model.onnx"])
def test_predict_draws_and_lists(finished, model):
    done = lowres(finished, "predict", model, "outputs/evaluation/thumbnails", "--threshold", "0", "--out", "out")
    listed = json.loads((finished / "out/predictions.json").read_text())
    assert listed["images"]
    assert listed["refused"] == []
    assert all((finished / image["drawn"]).is_file() for image in listed["images"])
    assert "predictions.json" in done.stdout


def test_benchmark_prints_every_step(finished):
    done = lowres(finished, "benchmark", "outputs/student", "--repeats", "3")
    for word in ("decode", "resize", "model", "total", "multiply-adds", "threads"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "nowhere", "x.jpg"], "nowhere: no such model"),
        (["predict", "outputs/student", "nothing/*.jpg"], "no image found"),
        (["predict", "outputs/student", "params.yaml"], "none of the 1 images could be read"),
        (["preset", "use", "thumbdet-dem"], "did you mean thumbdet-demo?"),
        (["teacher", "--params", "missing.yaml"], "missing.yaml: no such file"),
    ],
)
def test_bad_input_is_one_line_and_a_non_zero_exit(finished, arguments, message):
    done = lowres(finished, *arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


def test_a_model_of_other_classes_than_the_data_is_refused(finished, tmp_path):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    shutil.copy(finished / "params.yaml", tmp_path)
    for split in ("train", "val", "test"):
        path = tmp_path / "outputs/data" / split / "annotations.json"
        path.write_text(path.read_text().replace("speed_30", "speed_20"))
    done = lowres(tmp_path, "distill", check=False)
    assert done.returncode == 2
    assert "error:" in done.stderr
