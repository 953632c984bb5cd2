"""The DAG for classifiers through the command line, once, at a tiny size; then facts about what it left."""

import copy
import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tests.stages.commands import lowres, refused
from tests.stages.small import plotted_files, small_class_params, write_params

from lowres.models.artifact import load_model
from lowres.stages.downsampler import load_downsampler

ROOT = Path(__file__).parents[2]
STAGES = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write_params(folder / "params.yaml", small_class_params())
    for stage in STAGES:
        lowres(folder, stage)
    return folder


def details(folder):
    return json.loads((folder / "outputs/evaluation/details.json").read_text())


def test_rows_are_teacher_teacher_on_thumbnails_baseline_and_student(finished):
    rows = details(finished)["rows"]
    assert [row["key"] for row in rows] == ["teacher", "teacher_bicubic", "baseline", "student"]
    for row in rows:
        assert 0 <= row["metrics"]["top1"] <= row["metrics"]["top5"] <= 1
        low, high = row["metrics"]["top1_interval"]
        assert low <= row["metrics"]["top1"] <= high
        assert row["cost"]["multiply_adds"] > 0
        assert row["cost"]["thumbnail_wh_px"] == ([32, 32] if row["key"] == "teacher" else [8, 8])


def test_probabilities_give_the_confusion_matrix_again(finished):
    evaluation = finished / "outputs/evaluation"
    labels = np.array(json.loads((evaluation / "labels.json").read_text())["labels"])
    found = np.load(evaluation / "probabilities/student.npy").argmax(1)
    confusion = np.array(details(finished)["confusion"]["student"])
    assert confusion.sum() == len(labels)
    assert np.trace(confusion) == (found == labels).sum()


def test_baseline_and_student_begin_alike_and_end_apart(finished):
    baseline, _ = load_model(finished / "outputs/baseline")
    student, spec = load_model(finished / "outputs/student")
    assert spec.task == "classification"
    assert spec.network["restore"] == "bicubic"
    first = [
        next(csv.DictReader((finished / f"outputs/history/{stage}/train.csv").open()))
        for stage in ("baseline", "distill")
    ]
    assert first[0]["recognition"] == first[1]["recognition"]
    weights = zip(baseline.parameters(), student.parameters(), strict=True)
    assert any(not np.array_equal(one.detach(), other.detach()) for one, other in weights)


def test_what_chose_the_weights_is_a_column_that_any_task_has(finished):
    for row in csv.DictReader((finished / "outputs/history/teacher/evaluation.csv").open()):
        assert row["chosen_by"] == row["top1"]
    assert not (finished / "outputs/history/downsampler/evaluation.csv").exists()


def test_a_pretrained_student_learns_from_labels_first_and_in_as_many_steps(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    values = small_class_params()
    values["distill"]["pretrain_fraction"] = 0.5
    write_params(folder / "params.yaml", values)
    lowres(folder, "distill")
    history = folder / "outputs/history/distill"
    assert [row["step"] for row in csv.DictReader((history / "evaluation.csv").open())] == ["6", "12"]
    rows = list(csv.DictReader((history / "train.csv").open()))
    alone = [row for row in rows if int(row["step"]) <= 6]
    assert alone
    assert all(row["feature"] == "" for row in alone)
    joint = rows[len(alone) :]
    assert joint
    assert all(float(row["feature"]) > 0 for row in joint)
    baseline = next(csv.DictReader((finished / "outputs/history/baseline/train.csv").open()))
    assert alone[0]["recognition"] == baseline["recognition"]


def test_a_learned_downsampler_learns_alone_and_then_in_its_student(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    values = small_class_params()
    options = {"layers": 2, "hidden_channels": 8, "bias": False, "final_relu": False, "skip": "bicubic", "channels": 3}
    terms = {"moment": {"weight": 1.0, "deviation_weight": 0.1}, "bicubic": {"weight": 1.0}}
    train = copy.deepcopy(values["teacher"]["train"]) | {"steps": 4, "evaluate_every_steps": None}
    values["downsampler"] = {"kind": "learned", "ratio": 4, "options": options, "terms": terms, "train": train}
    values["distill"]["train_downsampler"] = True
    write_params(folder / "params.yaml", values)
    lowres(folder, "downsampler")
    assert json.loads((folder / "outputs/metrics/downsampler.json").read_text())["trained_steps"] == 4
    first = next(csv.DictReader((folder / "outputs/history/downsampler/train.csv").open()))
    assert float(first["bicubic"]) == pytest.approx(0, abs=1e-9)  # where it starts, with this skip
    assert float(first["moment"]) > 0
    alone, _, _ = load_downsampler(folder / "outputs/downsampler")
    assert alone.layers[2].weight.abs().sum() > 0
    lowres(folder, "distill")
    student, spec = load_model(folder / "outputs/student")
    assert spec.downsampler == {"kind": "learned", "ratio": 4, **options}
    assert not torch.equal(student.downsampler.layers[2].weight, alone.layers[2].weight)


def test_small_crops_are_predicted_by_the_folder_and_by_the_file_for_thumbnails_alike(finished, tmp_path):
    noise = np.random.default_rng(0)
    (tmp_path / "crops").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"crops/{number}.png"), noise.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    found, said = {}, {}
    for name, model in (("folder", "student"), ("thumbnail", "export/thumbnail.onnx"), ("model", "export/model.onnx")):
        done = lowres(finished, "predict", f"outputs/{model}", f"{tmp_path}/crops", "--out", str(tmp_path / name))
        images = json.loads((tmp_path / name / "predictions.json").read_text())["images"]
        found[name] = [{entry["label"]: entry["probability"] for entry in image["classes"]} for image in images]
        said[name] = done.stderr.count("thumbnail.onnx is for these")
    assert said == {"folder": 0, "thumbnail": 0, "model": 1}
    for one, other in zip(found["folder"], found["thumbnail"], strict=True):
        assert max(one.values()) == pytest.approx(max(other.values()), abs=1e-4)
    assert [max(image.values()) for image in found["model"]] != pytest.approx(
        [max(image.values()) for image in found["folder"]], abs=1e-4
    )


def test_a_detection_source_is_no_data_for_a_classifier(tmp_path):
    values = small_class_params()
    values["data"]["source"] = values["data"]["source"]["signs"]
    values["data"]["min_side_px"] = 32
    write_params(tmp_path / "params.yaml", values)
    lowres(tmp_path, "prepare")
    refused(lowres(tmp_path, "teacher", check=False), "a classifier learns from images of one class each")


def test_a_grey_image_is_read_and_an_empty_class_folder_refused(tmp_path):
    for split, grey in (("train", 128), ("val", 90)):
        for name in ("a", "b"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "1.png"), np.full((32, 32), grey, np.uint8))
    values = small_class_params()
    values["data"]["source"] = {"kind": "class_folders", "root": "data"}
    write_params(tmp_path / "params.yaml", values)
    lowres(tmp_path, "prepare")
    (tmp_path / "data/train/a/1.png").unlink()
    refused(lowres(tmp_path, "prepare", check=False), "the class folder is empty")


def test_every_file_that_dvc_plots_is_there(finished):
    assert len(plotted_files()) > 8
    assert [file for file in plotted_files() if not (finished / file).is_file()] == []
