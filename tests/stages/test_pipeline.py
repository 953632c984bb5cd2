"""The whole DAG through the command line, once, at a tiny size; then facts about what it left."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.stages.commands import lowres, lowres_process, refused
from tests.stages.small import plotted_files, small_params, write_params

import lowres.api as api
from lowres.models.checksum import sha256_of

README = Path(__file__).parents[2] / "README.md"
STAGES = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]


SPLITS = {split: {"images": "images", "annotations": f"{split}.json"} for split in ("train", "val")}
COCO = {"kind": "coco", "root": ".", **SPLITS, "test": None}


def write_coco(folder, images=2):
    """A COCO data set of 128 px images of noise, in train (0.jpg and so on) and val, one box each, one class."""
    (folder / "images").mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    size = {"width": 128, "height": 128}
    box = {"category_id": 1, "bbox": [10, 10, 50, 60], "area": 3000, "iscrowd": 0}
    for split, first in (("train", 0), ("val", images)):
        numbers = range(first, first + images)
        for number in numbers:
            pixels = noise.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / f"images/{number}.jpg"), pixels)
        document = {
            "images": [{"id": number, "file_name": f"{number}.jpg", **size} for number in numbers],
            "annotations": [{"id": number + 1, "image_id": number, **box} for number in numbers],
            "categories": [{"id": 1, "name": "cell"}],
        }
        (folder / f"{split}.json").write_text(json.dumps(document))


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
    lowres_process(tmp_path, "teacher")
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


def test_predict_keeps_every_picture(finished, tmp_path):
    photos = tmp_path / "photos"
    image = cv2.imread(str(next((finished / "outputs").rglob("thumbnails/*.png"))))
    for name in ("one.jpg", "one.png", "more/one.jpg"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(photos / name), image)
    (photos / "broken.jpg").write_bytes(b"no image")
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    for out in (tmp_path / "drawn", photos / "drawn", photos / "drawn"):  # the last run must not take up the one before
        lowres(finished, "predict", "outputs/student", str(photos), "--threshold", "0", "--out", str(out))
        listed = json.loads((out / "predictions.json").read_text())
        drawn = [Path(entry["drawn"]) for entry in listed["images"]]
        assert sorted(path.relative_to(out) for path in drawn) == [
            Path("more/one.jpg.jpg"),
            Path("one.jpg.jpg"),
            Path("one.png.jpg"),
        ]
        assert all(path.is_file() for path in drawn)
        assert [Path(entry["file"]).name for entry in listed["refused"]] == ["broken.jpg"]
    assert {path: path.read_bytes() for path in before} == before
    done = lowres(finished, "predict", "outputs/student", str(photos), "--out", str(photos), check=False)
    refused(done, "choose another folder for the results")


def test_benchmark_prints_every_step(finished):
    done = lowres(finished, "benchmark", "outputs/student", "--repeats", "3")
    for word in ("decode", "resize", "model", "total", "multiply-adds", "threads"):
        assert word in done.stdout


def test_the_commands_of_the_readme_run(finished):
    section = README.read_text().split("## Use the result")[1].split("\n## ")[0]
    commands = [line.split("#")[0].split() for line in section.splitlines() if line.startswith("    lowres ")]
    assert {command[1] for command in commands} == {"predict", "benchmark"}
    image = next((finished / "outputs").rglob("thumbnails/*.png"))
    (finished / "photos").mkdir()
    for name in ("street.jpg", "photos/one.jpg"):
        cv2.imwrite(str(finished / name), cv2.imread(str(image)))
    for command in commands:
        lowres(finished, *command[1:])
    program = section.split("```python\n")[1].split("```")[0]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", program], cwd=finished, env=environment, check=True, timeout=120)


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
    refused(lowres(finished, *arguments, check=False), message)


def test_edited_annotations_are_refused(finished, tmp_path):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    shutil.copy(finished / "params.yaml", tmp_path)
    for split in ("train", "val", "test"):
        path = tmp_path / "outputs/data" / split / "annotations.json"
        path.write_text(path.read_text().replace("speed_30", "speed_20"))
    refused(lowres(tmp_path, "distill", check=False), "content differs from its checksum")


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        ("teacher", {"teacher.train.optimizer": {}}, "teacher.train.optimizer: unknown key; did you mean optimiser?"),
        ("teacher", {"teacher.train.batch_size": 0}, "teacher.train.batch_size: Input should be greater"),
        ("teacher", {"data.input.canvas_multiple_px": 34}, "34 is no multiple of downsampler.ratio 4"),
        ("prepare", {"data.source": COCO | {"root": "nowhere"}}, "'nowhere' does not exist"),
        ("prepare", {"data.source": COCO, "data.min_side_px": 300}, "images refused, max_bad_fraction allows 0"),
    ],
)
def test_bad_configuration_or_data_is_one_line_and_a_non_zero_exit(finished, tmp_path, stage, change, message):
    values = small_params()
    for key, value in change.items():
        *path, last = key.split(".")
        functools.reduce(dict.__getitem__, path, values)[last] = value
    (tmp_path / "images").mkdir()
    write_coco(tmp_path)
    write_params(tmp_path / "params.yaml", values)
    refused(lowres(tmp_path, stage, check=False), message)


def test_an_empty_split_is_refused(tmp_path):
    values = small_params()
    values["data"]["source"] = COCO
    write_coco(tmp_path, images=0)
    write_params(tmp_path / "params.yaml", values)
    refused(lowres(tmp_path, "prepare", check=False), "'images' is empty; a split needs at least one image")


def test_a_truncated_image_above_the_limit_is_refused(tmp_path):
    values = small_params()
    values["data"]["source"] = COCO
    write_coco(tmp_path)
    image = tmp_path / "images/1.jpg"
    image.write_bytes(image.read_bytes()[:-400])
    write_params(tmp_path / "params.yaml", values)
    refused(lowres(tmp_path, "prepare", check=False), "1 of 2 images refused")


@pytest.mark.parametrize("stage", ["distill", "evaluate", "export"])
def test_a_model_of_other_classes_is_refused(finished, tmp_path, stage):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    shutil.rmtree(tmp_path / "outputs/data")
    values = small_params()
    values["data"]["source"] = COCO
    write_coco(tmp_path)
    write_params(tmp_path / "params.yaml", values)
    lowres(tmp_path, "prepare")
    refused(lowres(tmp_path, stage, check=False), "the model knows 8 classes")


def changed_params(folder, change):
    values = small_params()
    for key, value in change.items():
        *path, last = key.split(".")
        functools.reduce(dict.__getitem__, path, values)[last] = value
    return write_params(folder / "params.yaml", values)


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        ("distill", {"data.input.long_side_px": 160}, "outputs/teacher: trained with long_side_px 128"),
        ("evaluate", {"data.input.long_side_px": 160}, "outputs/teacher: trained with long_side_px 128"),
        ("export", {"data.input.long_side_px": 160}, "outputs/student: trained with long_side_px 128"),
        ("report", {"data.input.long_side_px": 160}, "data.input is no longer what outputs/export was made from"),
        ("export", {"teacher.train.steps": 4}, "teacher is no longer what outputs/student was made from"),
        ("export", {"evaluate.split": "val"}, "evaluate is no longer what outputs/evaluation was made from"),
        ("report", {"downsampler.train.steps": 4}, "downsampler is no longer what outputs/export was made from"),
        ("report", {"baseline.train": True}, "baseline is no longer what outputs/evaluation was made from"),
        (
            "report",
            {"teacher.train.seed": 1, "distill.train.seed": 1},
            "teacher, distill are no longer what outputs/export was made from; `dvc repro` makes it anew",
        ),
    ],
)
def test_outputs_are_not_told_with_another_configuration(finished, tmp_path, stage, change, message):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    changed_params(tmp_path, change)
    refused(lowres(tmp_path, stage, check=False), message)


def test_outputs_are_told_with_other_options_of_the_report_and_the_export(finished, tmp_path):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    changed_params(tmp_path, {"report.title": "Another title", "export.parity_images": 2})
    lowres(tmp_path, "report")
    assert "Another title" in (tmp_path / "outputs/report/index.html").read_text()


@pytest.mark.parametrize("stage", ["export", "report"])
def test_outputs_are_not_told_with_other_data(finished, tmp_path, stage):
    shutil.copytree(finished / "outputs", tmp_path / "outputs")
    changed_params(tmp_path, {"data.source.seed": 1})
    lowres(tmp_path, "prepare")
    refused(lowres(tmp_path, stage, check=False), "was made from other data than lie in outputs/data; `dvc repro`")


def test_every_file_that_dvc_plots_is_there(finished):
    assert len(plotted_files()) > 8
    assert [file for file in plotted_files() if not (finished / file).is_file()] == []
