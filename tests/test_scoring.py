"""`lowres evaluate --protocol` as a user calls it."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from lowres.cli import app

BOX = {"xmin": 0, "ymin": 0, "xmax": 20, "ymax": 20}


@pytest.fixture
def files(tmp_path):
    annotations = {
        "types": ["pl40"],
        "imgs": {"1": {"path": "test/1.jpg", "objects": [{"category": "pl40", "bbox": BOX}]}},
    }
    results = {"imgs": {"1": {"objects": [{"category": "pl40", "bbox": BOX, "score": 0.9}]}}}
    paths = []
    for name, document in (("annotations", annotations), ("results", results)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        paths += [f"--{name}", str(path)]
    return paths


def test_a_table_is_printed_and_the_numbers_are_written(files, tmp_path):
    out = tmp_path / "new/scores.json"
    arguments = ["evaluate", "--protocol", "tt100k", *files, "--score-scale", "1", "--json", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "accuracy" in result.output
    assert json.loads(out.read_text())["by_long_side"]["all"]["f1"] == 1.0


@pytest.fixture
def coco_files(tmp_path):
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 6, "bbox": [5, 5, 40, 40]}],
        "categories": [{"id": 6, "name": "sign"}],
    }
    results = [{"image_id": 1, "category_id": 6, "bbox": [5, 5, 40, 40], "score": 0.7}]
    for name, document in (("annotations", truth), ("results", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return [f"--{name}={tmp_path / name}.json" for name in ("annotations", "results")]


def test_coco_results_are_scored_against_coco_instances(coco_files, tmp_path):
    out = tmp_path / "scores.json"
    done = CliRunner().invoke(app, ["evaluate", "--protocol", "coco", *coco_files, "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert "sign" in done.output
    written = json.loads(out.read_text())
    assert written["ap"] == pytest.approx(1.0, abs=1e-12)
    assert (written["max_detections"], written["thumbnail_ratio"]) == (100, 1.0)
    assert written["engine"].startswith("pycocotools")


def test_objects_without_area_are_told(coco_files, tmp_path):
    path, out = tmp_path / "annotations.json", tmp_path / "scores.json"
    truth = json.loads(path.read_text())
    common = {"image_id": 1, "category_id": 6, "bbox": [60, 60, 20, 20]}
    truth["annotations"] += [
        common | {"id": 2, "area": 300},
        common | {"id": 3, "area": None},
        common | {"id": 4, "iscrowd": 1},
    ]
    arguments = ["evaluate", "--protocol", "coco", *coco_files, "--json", str(out)]
    for annotations, told in ((truth["annotations"], 2), (truth["annotations"][1:2], 0)):
        path.write_text(json.dumps(truth | {"annotations": annotations}))
        output = CliRunner().invoke(app, arguments).output
        assert ("2 objects without area: their box's counts for AP by area" in output) == (told > 0)
        assert ("objects without area" in output) == (told > 0)
        assert json.loads(out.read_text())["objects_without_area"] == told


def test_a_ratio_gives_ap_by_size_on_the_thumbnail(coco_files, tmp_path):
    out = tmp_path / "scores.json"
    arguments = ["evaluate", "--protocol", "coco", *coco_files, "--ratio", "8", "--json", str(out)]
    assert "images shrunk 8 times" in CliRunner().invoke(app, arguments).output
    written = json.loads(out.read_text())
    assert written["thumbnail_ratio"] == 8.0
    assert [(row["low_px"], row["num_objects"]) for row in written["by_thumbnail_size"]] == [
        (0, 0), (2, 0), (4, 1), (8, 0), (16, 0)
    ]  # fmt: skip
    error = CliRunner().invoke(app, ["evaluate", "--protocol", "coco", *coco_files, "--ratio", "0"]).exception
    assert isinstance(error, ValueError)
    assert "is not positive; give input pixels per thumbnail pixel" in str(error)


def test_bad_input_is_one_line_and_exit_code_2(files):
    command = [sys.executable, "-m", "lowres.cli", "evaluate", "--protocol", "tt100k", *files]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LOWRES_TRACEBACK": ""}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "read it with a score scale of 1" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("protocol", ["coco", "tt100k"])
@pytest.mark.parametrize("name", ["annotations.json", "results.json", "link.json", "folder"])
def test_no_input_is_overwritten_and_no_folder_taken_for_a_file(protocol, name, request, tmp_path):
    arguments = request.getfixturevalue("coco_files" if protocol == "coco" else "files")
    (tmp_path / "link.json").symlink_to("results.json")
    (tmp_path / "folder").mkdir()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    message = "is a folder" if name == "folder" else "would overwrite the input"
    done = CliRunner().invoke(app, ["evaluate", "--protocol", protocol, *arguments, "--json", str(tmp_path / name)])
    assert isinstance(done.exception, ValueError)
    assert str(done.exception).startswith(f"--json {tmp_path / name}: {message}")
    assert done.output == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "voc"], "--protocol: 'voc' is not known; known: coco, tt100k"),
        (["--protocol", "tt100k"], "--annotations: is missing"),
        (["--protocol", "tt100k", "--annotations", "a.json"], "--results: is missing"),
        (["--results", "a.json"], "--protocol: is missing"),
        (["--json", "a.json"], "--protocol: is missing"),
        (["--engine", "hotcoco"], "--protocol: is missing"),
        (["--engine", "pycocotools"], "--protocol: is missing"),
        (["--ratio", "4"], "--protocol: is missing"),
        (["--split", "test"], "--protocol: is missing"),
        (["--row", "teacher"], "--protocol: is missing"),
        (["--score-threshold", "0"], "--protocol: is missing"),
        (["--score-scale", "1000"], "--protocol: is missing"),
        (
            ["--protocol", "tt100k", "--annotations", "a.json", "--results", "b.json", "--max-dets", "5"],
            "--max-dets: only for --protocol coco",
        ),
        (["--protocol", "coco", "--split", "test"], "--split: only for --protocol tt100k; leave out with coco"),
        (
            ["--protocol", "coco", "--score-threshold", "0.1", "--score-scale", "1"],
            "--score-scale and --score-threshold: only for --protocol tt100k",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, message):
    error = CliRunner().invoke(app, ["evaluate", *arguments]).exception
    assert isinstance(error, ValueError)
    assert str(error).startswith(message)


def test_without_a_protocol_the_stage_runs(tmp_path):
    # It gets as far as reading its params.
    error = CliRunner().invoke(app, ["evaluate", "--params", str(tmp_path / "none.yaml")]).exception
    assert isinstance(error, ValueError)
    assert "none.yaml" in str(error)
