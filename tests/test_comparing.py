"""Pairs of evaluation outputs, written as the evaluate stage writes them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from lowres.cli import app
from lowres.comparing import compare_results
from lowres.evaluation.ap_resampling import ApStatistic
from lowres.evaluation.bootstrap import resampled
from lowres.evaluation.coco import evaluate_detections, match_detections
from lowres.evaluation.saved import save_detections, save_truth
from lowres.records import ImageDetections, ImageTruth

NAMES = ["a", "b"]
SIDE = 24.0


def scene(num_images=60, seed=0):
    """Images of three objects each; some images are hard for every detector."""
    rng = np.random.default_rng(seed)
    truth, hardness = [], rng.uniform(0.0, 0.8, num_images)
    for image_id in range(num_images):
        corner = rng.uniform(0, 200, (3, 2))
        boxes = np.concatenate([corner, corner + SIDE], axis=1)
        labels = rng.integers(0, 2, 3)
        truth.append(ImageTruth(image_id, 256, 256, boxes, labels, np.zeros(3, dtype=bool), np.full(3, SIDE**2)))
    return truth, hardness


def detections_of(truth, hardness, *, seed, skill=0.0):
    """Shifts grow with hardness, a little of it each detector's own; skill takes some of them away."""
    found = []
    for image, hard in zip(truth, hardness, strict=True):
        shared = np.random.default_rng([image.image_id, 7])
        own = np.random.default_rng([image.image_id, seed])
        shift = shared.normal(0, SIDE / 3, (3, 2)) * hard * (1 - skill) + own.normal(0, 0.4, (3, 2))
        scores = shared.uniform(0.2, 1, 3)
        found.append(ImageDetections(image.image_id, image.boxes_xyxy_px + np.tile(shift, 2), scores, image.labels))
    return found


def write_detection(folder, truth, rows, **changes):
    folder.mkdir(parents=True)
    save_truth(folder / "truth.npz", truth)
    entries = []
    for key, found in rows.items():
        save_detections(folder / "detections" / f"{key}.npz", found)
        metrics = evaluate_detections(truth, found, class_names=NAMES).as_dict()
        entries.append({"key": key, "title": f"The {key}", "metrics": metrics})
    details = {"task": "detection", "split": "test", "split_data": "1234", "class_names": NAMES, "rows": entries}
    (folder / "details.json").write_text(json.dumps(details | changes))
    return folder


def write_classification(folder, rows, labels):
    (folder / "probabilities").mkdir(parents=True)
    for key, probabilities in rows.items():
        np.save(folder / "probabilities" / f"{key}.npy", probabilities.astype(np.float32))
    (folder / "labels.json").write_text(json.dumps({"labels": labels, "image_ids": list(range(len(labels)))}))
    entries = [{"key": key, "title": key, "metrics": {}} for key in rows]
    details = {"task": "classification", "split": "test", "split_data": "12", "class_names": NAMES, "rows": entries}
    (folder / "details.json").write_text(json.dumps(details))
    return folder


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Folders: `plain`, `better` on the same images, and both in one."""
    folder = tmp_path_factory.mktemp("outputs")
    truth, hardness = scene()
    plain = detections_of(truth, hardness, seed=1)
    better = detections_of(truth, hardness, seed=2, skill=0.3)
    write_detection(folder / "plain", truth, {"student": plain, "baseline": better})
    write_detection(folder / "better", truth, {"student": better})
    return folder


def test_identical_results_differ_by_nothing(outputs):
    found = compare_results(outputs / "plain", outputs / "plain", resamples=100)
    assert (found.difference, found.interval, found.share_b_better) == (0.0, (0.0, 0.0), 0.0)
    assert found.verdict.startswith("No difference at all")


def test_values_are_those_of_the_evaluation_and_the_better_one_is_named(outputs):
    found = compare_results(outputs / "plain", outputs / "better", resamples=200)
    for side, name in ((found.a, "plain"), (found.b, "better")):
        details = json.loads((outputs / name / "details.json").read_text())
        assert side.value == pytest.approx(details["rows"][0]["metrics"]["ap"], abs=1e-9)
    low, high = found.interval
    assert 0 < low < found.difference < high
    assert found.share_b_better > 0.99
    assert found.verdict.startswith("B is better: AP ")
    back = compare_results(outputs / "better", outputs / "plain", resamples=200)
    assert back.interval == pytest.approx((-high, -low), abs=1e-12)
    assert back.verdict.startswith("B is worse: AP ")


def test_two_rows_of_one_output_can_be_compared(outputs):
    found = compare_results(outputs / "plain", outputs / "plain", row_b="baseline", resamples=200)
    assert found.difference == compare_results(outputs / "plain", outputs / "better", resamples=200).difference


def test_pairing_narrows_the_interval_of_correlated_results(outputs):
    paired = compare_results(outputs / "plain", outputs / "better", resamples=200)
    alone = []
    truth, hardness = scene()
    for seed, skill in ((1, 0.0), (2, 0.3)):
        matches = match_detections(truth, detections_of(truth, hardness, seed=seed, skill=skill), class_names=NAMES)
        alone.append(resampled(ApStatistic(matches), num_images=len(truth), resamples=200, seed=seed)["ap"])
    unpaired = np.quantile(alone[1] - alone[0], [0.025, 0.975])
    assert paired.interval[1] - paired.interval[0] < 0.6 * (unpaired[1] - unpaired[0])


def test_a_difference_within_the_noise_is_called_unclear(tmp_path):
    truth, hardness = scene()
    one, other = (detections_of(truth, hardness, seed=seed) for seed in (1, 2))
    a = write_detection(tmp_path / "a", truth, {"student": one})
    b = write_detection(tmp_path / "b", truth, {"student": other})
    found = compare_results(a, b, resamples=200)
    assert found.interval[0] < 0 < found.interval[1]
    assert found.verdict.startswith("No clear difference")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ["a", "c"]}, "classes a, c differ from a, b"),
        ({"split": "val"}, "split val differ from test"),
        ({"split_data": "99"}, "images 99 differ from 1234"),
        ({"task": "classification"}, "task classification differ from detection"),
    ],
)
def test_results_over_something_else_are_refused(outputs, tmp_path, changes, message):
    other = write_detection(tmp_path / "other", scene()[0], {"student": []}, **changes)
    with pytest.raises(ValueError, match=message):
        compare_results(outputs / "plain", other)


def test_a_row_that_is_not_there_is_refused_with_those_that_are(outputs):
    with pytest.raises(ValueError, match="has no row 'teacher'; use one of student, baseline"):
        compare_results(outputs / "plain", outputs / "plain", row_a="teacher")


def test_other_numbers_of_detections_are_refused(outputs, tmp_path):
    other = write_detection(tmp_path / "other", scene()[0], {"student": []})
    details = json.loads((other / "details.json").read_text())
    details["rows"][0]["metrics"]["max_detections"] = 300
    (other / "details.json").write_text(json.dumps(details))
    with pytest.raises(ValueError, match=r"keeps 300 detections per image and class, .* 100"):
        compare_results(outputs / "plain", other)


def test_another_truth_is_refused_whatever_the_details_say(outputs, tmp_path):
    truth, hardness = scene(seed=5)
    other = write_detection(tmp_path / "other", truth, {"student": detections_of(truth, hardness, seed=1)})
    with pytest.raises(ValueError, match=r"truth\.npz: differs"):
        compare_results(outputs / "plain", other)


def test_an_output_of_an_older_version_is_refused(tmp_path):
    (tmp_path / "details.json").write_text(
        json.dumps({"task": "detection", "class_names": [], "rows": [{"key": "student"}]})
    )
    with pytest.raises(ValueError, match="does not say which images were measured; run the evaluate stage again"):
        compare_results(tmp_path, tmp_path)


def test_classifiers_are_compared_by_top1(tmp_path):
    labels = [0, 1] * 50
    right = np.where(np.arange(100) % 10 == 0, 0.3, 0.9)  # of the true class
    sure = np.where(np.arange(100) % 20 == 0, 0.3, 0.9)

    def probabilities(of_true):
        table = np.stack([of_true, 1 - of_true], axis=1)
        table[1::2] = table[1::2, ::-1]
        return table

    a = write_classification(tmp_path / "a", {"student": probabilities(right)}, labels)
    b = write_classification(tmp_path / "b", {"student": probabilities(sure)}, labels)
    found = compare_results(a, b, resamples=2000)
    assert (found.metric, found.a.value, found.b.value) == ("top1", 0.9, 0.95)
    # five images of a hundred differ, all in favour of B: the standard deviation is sqrt(0.05 * 0.95 / 100) = 0.022
    assert found.interval == pytest.approx((0.01, 0.1), abs=0.011)
    other = write_classification(tmp_path / "c", {"student": probabilities(sure)}, labels[::-1])
    with pytest.raises(ValueError, match=r"labels\.json: differs"):
        compare_results(a, other)


def test_the_command_prints_a_verdict_and_writes_json(outputs, tmp_path):
    arguments = ["compare", str(outputs / "plain"), str(outputs / "better"), "--resamples", "50"]
    done = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "found.json")], catch_exceptions=False)
    assert "B is better: AP" in done.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["verdict"] in done.output
    assert (found["resamples"], found["num_images"], found["a"]["row"]) == (50, 60, "student")
