"""Two files of results of one detector each, the second one shifted less."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from lowres.cli import app
from lowres.comparing_files import compare_files
from lowres.evaluation.saved import save_detections, save_truth
from lowres.records import ImageDetections, ImageTruth

SIDE = 24


@pytest.fixture(scope="module")
def boxes():
    """Of each image three objects, and what two detectors make of them: [image, object, 4], corners."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 200, (60, 3, 2))
    truth = np.concatenate([corner, corner + SIDE], axis=2)
    hard = rng.uniform(0, 10, (60, 1, 1)) * np.tile(rng.normal(0, 1, (60, 3, 2)), 2)
    return {"truth": truth, "a": truth + hard, "b": truth + 0.6 * hard}


@pytest.fixture(scope="module")
def coco(boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")

    def entries(name):
        for image, objects in enumerate(boxes[name].tolist(), start=1):
            for x1, y1, x2, y2 in objects:
                yield {"image_id": image, "category_id": 5, "bbox": [x1, y1, x2 - x1, y2 - y1]}

    images = [{"id": i, "file_name": f"{i}.jpg", "width": 256, "height": 256} for i in range(1, 61)]
    objects = [entry | {"id": i, "iscrowd": 0} for i, entry in enumerate(entries("truth"), start=1)]
    categories = [{"id": 5, "name": "sign"}]
    truth = {"images": images, "annotations": objects, "categories": categories}
    (folder / "truth.json").write_text(json.dumps(truth))
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(json.dumps([entry | {"score": 0.5} for entry in entries(name)]))
    return folder


@pytest.fixture(scope="module")
def tt100k(boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tt100k")
    sides = ("xmin", "ymin", "xmax", "ymax")

    def images(name, **more):
        return {
            str(image): {
                "path": f"test/{image}.jpg",
                "objects": [
                    {"category": "pl40", "bbox": dict(zip(sides, box, strict=True)), **more} for box in objects
                ],
            }
            for image, objects in enumerate(boxes[name].tolist())
        }

    (folder / "truth.json").write_text(json.dumps({"types": ["pl40"], "imgs": images("truth")}))
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(json.dumps({"imgs": images(name, score=800)}))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def compared(folder, protocol, first="a", second="b", **given):
    paths = folder / f"{first}.json", folder / f"{second}.json", folder / "truth.json"
    return compare_files(protocol, *paths, given=given, resamples=200).differences


def scored(folder, protocol, name, out):
    files = ["--annotations", str(folder / "truth.json"), "--results", str(folder / f"{name}.json")]
    CliRunner().invoke(app, ["evaluate", "--protocol", protocol, *files, "--json", str(out)], catch_exceptions=False)
    return json.loads(out.read_text())


def test_ap_of_two_coco_files_is_that_of_evaluate_and_the_better_one_is_named(coco, tmp_path):
    found = compared(coco, "coco")
    assert list(found) == ["ap"]
    for side, value in (("a", found["ap"].a), ("b", found["ap"].b)):
        assert value == pytest.approx(scored(coco, "coco", side, tmp_path / "out.json")["ap"], abs=1e-12)
    low, high = found["ap"].interval
    assert 0 < low < found["ap"].difference < high
    assert compared(coco, "coco", "b", "a")["ap"].interval == pytest.approx((-high, -low), abs=1e-12)


def test_numbers_of_two_tt100k_files_are_those_of_evaluate(tt100k, tmp_path):
    found = compared(tt100k, "tt100k")
    assert list(found) == ["f1", "accuracy", "recall"]
    for name, difference in found.items():
        for side, value in (("a", difference.a), ("b", difference.b)):
            row = scored(tt100k, "tt100k", side, tmp_path / "out.json")["by_long_side"]["all"]
            assert value == pytest.approx(row[name], abs=1e-12)
        assert 0 < difference.interval[0] < difference.difference < difference.interval[1]


def test_a_file_does_not_differ_from_itself(coco, tt100k):
    for folder, protocol in ((coco, "coco"), (tt100k, "tt100k")):
        for found in compared(folder, protocol, "a", "a").values():
            assert (found.difference, found.interval, found.share_b_better) == (0.0, (0.0, 0.0), 0.0)
            assert found.verdict("AP").startswith("No difference at all")


def test_options_of_the_protocol_are_used(tt100k):
    nothing = compared(tt100k, "tt100k", score_threshold=0.9)
    assert (nothing["recall"].a, nothing["recall"].b) == (0.0, 0.0)


def test_what_may_be_percentages_is_said_aloud(tt100k, tmp_path):
    document = (tt100k / "b.json").read_text().replace('"score": 800', '"score": 80')
    (tmp_path / "b.json").write_text(document)
    files = tt100k / "a.json", tmp_path / "b.json", tt100k / "truth.json"
    with pytest.raises(ValueError, match=r"b\.json: no score is over 100, so they may be percentages"):
        compare_files("tt100k", *files, given={}, resamples=9)
    found = compare_files("tt100k", *files, given={"score_scale": 1000}, resamples=9)
    assert f"B: {tmp_path / 'b.json'} (scores go to 1000)\n" in found.as_text()
    assert found.as_dict()["score_scales"] == [1000, 1000]
    assert "B: WARNING: no score is over 100" in found.as_text()
    assert "A: WARNING" not in found.as_text()


def test_the_command_prints_a_line_for_each_number_and_writes_json(tt100k, tmp_path):
    files = [tt100k / "a.json", tt100k / "b.json", "--annotations", tt100k / "truth.json"]
    done = run(*files, "--protocol", "tt100k", "--resamples", 50, "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    assert [line.split(": ")[0] for line in done.output.splitlines()] == ["A", "B", *["B is better"] * 3]
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["protocol"], written["resamples"], written["options"]["split"]) == ("tt100k", 50, "test")
    assert written["differences"]["f1"]["interval"][0] > 0


def test_images_without_an_object_are_refused(coco, tmp_path):
    truth = json.loads((coco / "truth.json").read_text()) | {"annotations": []}
    (tmp_path / "empty.json").write_text(json.dumps(truth))
    with pytest.raises(ValueError, match="the images have no object"):
        compare_files("coco", coco / "a.json", coco / "b.json", tmp_path / "empty.json", given={})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a.json: is a file; two files of results are compared with --protocol coco or tt100k and --annotations"),
        (["--annotations", "truth.json"], "--protocol: is missing"),
        (["--max-dets", "5"], "--protocol: is missing"),
        (["--protocol", "coco"], "--annotations: is missing"),
        (["--protocol", "voc"], "--protocol: 'voc' is not known; known: coco, tt100k"),
        (["--protocol", "coco", "--split", "test"], "--split: only for --protocol tt100k"),
        (["--protocol", "coco", "--row", "teacher"], "--row and --row-b: files of results have no rows"),
        (["--protocol", "coco", "--annotations", "truth.json", "--seed", "-1"], "seed: -1 is negative"),
        (["--protocol", "coco", "--annotations", "."], ".: is a folder; name the annotation file in it"),
    ],
)
def test_what_does_not_go_together_is_refused(coco, monkeypatch, arguments, message):
    monkeypatch.chdir(coco)
    error = run("a.json", "b.json", *arguments).exception
    assert isinstance(error, ValueError)
    assert str(error).startswith(message)


def test_a_folder_is_no_file_of_results(coco):
    error = run(coco, coco / "b.json", "--protocol", "coco", "--annotations", coco / "truth.json").exception
    assert str(error) == f"{coco}: is a folder; name the file in it"


def test_two_rows_of_outputs_are_compared_by_tt100ks_rules(tt100k, boxes, tmp_path):
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0)
    save_truth(tmp_path / "truth.npz", [ImageTruth(number, 256, 256, *nothing) for number in range(60)])
    for name, row in (("a", "teacher"), ("b", "student")):
        found = [
            ImageDetections(number, objects, np.full(len(objects), 0.8), np.zeros(len(objects), np.int64))
            for number, objects in enumerate(boxes[name])
        ]
        save_detections(tmp_path / f"detections/{row}.npz", found)
    details = {"task": "detection", "class_names": ["pl40"], "rows": [{"key": "teacher"}, {"key": "student"}]}
    (tmp_path / "details.json").write_text(json.dumps(details))
    paths = tmp_path, tmp_path, tt100k / "truth.json"
    of_rows = compare_files("tt100k", *paths, given={}, rows=("teacher", None), resamples=200).differences
    assert of_rows == compared(tt100k, "tt100k")


@pytest.mark.parametrize("name", ["a.json", "b.json", "truth.json", "folder"])
def test_no_input_is_overwritten_and_no_folder_taken_for_a_file(name, coco, tmp_path):
    for file in ("a.json", "b.json", "truth.json"):
        (tmp_path / file).write_bytes((coco / file).read_bytes())
    (tmp_path / "folder").mkdir()
    a, b, truth, out = (tmp_path / file for file in ("a.json", "b.json", "truth.json", name))
    done = run(a, b, "--protocol", "coco", "--annotations", truth, "--resamples", 10, "--json", out)
    assert isinstance(done.exception, ValueError)
    message = "is a folder" if name == "folder" else "would overwrite the input"
    assert str(done.exception).startswith(f"--json {out}: {message}")
    assert done.output == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json", "folder", "truth.json"]
    for file in ("a.json", "b.json", "truth.json"):
        assert (tmp_path / file).read_bytes() == (coco / file).read_bytes()
