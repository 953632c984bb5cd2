import json
import shutil

import numpy as np
import pytest

from lowres.evaluation.saved import save_detections, save_truth
from lowres.evaluation.tt100k_scoring import score_files
from lowres.records import ImageDetections, ImageTruth

BOX = {"xmin": 0, "ymin": 0, "xmax": 20, "ymax": 20}
OPTIONS = {"split": "test", "score_scale": 1000, "score_threshold": 0.04}


def sign(category="pl40", **more):
    return {"category": category, "bbox": BOX, **more}


@pytest.fixture
def files(tmp_path):
    """Two test images with a sign of pl40 each, one training image; results of the images given."""

    def write(**results):
        images = {
            name: {"path": f"{split}/{name}.jpg", "id": 0, "objects": [sign()]}
            for name, split in (("one", "test"), ("two", "test"), ("three", "train"))
        }
        (tmp_path / "annotations.json").write_text(json.dumps({"types": ["pl40", "w1"], "imgs": images}))
        results = {name: {"objects": objects} for name, objects in results.items()}
        (tmp_path / "results.json").write_text(json.dumps({"imgs": results}))
        return tmp_path / "annotations.json", tmp_path / "results.json"

    return write


def test_every_image_of_the_split_counts(files):
    scored = score_files(*files(one=[sign(score=900)]), **OPTIONS)
    row = scored.metrics.by_long_side["all"]
    assert (row.accuracy, row.recall, scored.images_without_results) == (1.0, 0.5, 1)
    assert "1 images of the split without results" in scored.as_text()


def test_what_is_left_aside_is_counted_and_said(files):
    one = [sign(score=900), sign("w1", score=900), sign("pl4O", score=900)]
    scored = score_files(*files(one=one, two=[], three=[sign(score=900)]), **OPTIONS)
    assert (scored.images_of_other_splits, scored.unknown_categories) == (1, {"pl4O": 1})
    assert scored.metrics.other_class_detections == 2
    text = scored.as_text()
    for remark in ("1 images of other splits", "2 detections of classes outside the protocol", "pl4O (1)"):
        assert remark in text


def test_the_threshold_is_from_0_to_1_whatever_the_scale_of_the_file(files):
    paths = files(one=[sign(score=900)], two=[sign(score=100)])
    for threshold, recall in ((0.04, 1.0), (0.5, 0.5)):
        scored = score_files(*paths, **OPTIONS | {"score_threshold": threshold})
        assert scored.metrics.by_long_side["all"].recall == recall


def test_the_table_says_how_scores_are_read(files):
    text = score_files(*files(one=[sign(score=900)]), **OPTIONS).as_text()
    assert "scores go to 1000 (--score-scale), kept from 40 on; the highest is 900" in text
    assert "WARNING" not in text
    nothing = score_files(*files(one=[]), **OPTIONS)
    assert "the highest is -" in nothing.as_text()
    assert "WARNING" not in nothing.as_text()


def test_a_scale_that_was_not_stated_is_said_to_be_assumed(files):
    options = OPTIONS | {"score_scale": None}
    scored = score_files(*files(one=[sign(score=101)]), **options)
    assert "scores are taken to go to 1000, as in official files (state it: --score-scale), kept" in scored.as_text()
    assert (scored.as_dict()["score_scale"], scored.as_dict()["score_scale_assumed"]) == (1000, True)
    assert not score_files(*files(one=[sign(score=101)]), **OPTIONS).score_scale_assumed
    assert score_files(*files(one=[]), **options).score_scale == 1000  # no score, nothing to mistake


def test_what_may_be_percentages_is_refused_until_a_scale_is_stated(files):
    paths = files(one=[sign(score=100)], two=[sign(score=30)])
    with pytest.raises(ValueError, match=r"results\.json: no score is over 100, .*: say .*--score-scale 100, or 1000"):
        score_files(*paths, **OPTIONS | {"score_scale": None})


def test_what_may_be_percentages_is_scored_as_stated_and_said_aloud(files):
    paths = files(one=[sign(score=100)], two=[sign(score=30)])
    scored = score_files(*paths, **OPTIONS)
    assert scored.metrics.by_long_side["all"].recall == 0.5
    assert "WARNING: no score is over 100. If these are percentages" in scored.as_text()
    percentages = score_files(*paths, **OPTIONS | {"score_scale": 100})
    assert percentages.metrics.by_long_side["all"].recall == 1.0
    assert "WARNING" not in percentages.as_text()


def measured(number):
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0)
    return ImageTruth(number, 100, 100, *nothing)


@pytest.fixture
def output(tmp_path):
    """An output of the evaluate stage: its student finds the sign of image 1, and its teacher those of both."""
    folder = tmp_path / "evaluation"
    found = [
        ImageDetections(number, np.array([[0.0, 0.0, 20.0, 20.0]]), np.array([0.9]), np.array([1])) for number in (1, 2)
    ]
    save_detections(folder / "detections/student.npz", found[:1])
    save_detections(folder / "detections/teacher.npz", found)
    save_truth(folder / "truth.npz", [measured(1), measured(2)])
    details = {"task": "detection", "class_names": ["w1", "pl40"], "rows": [{"key": "teacher"}, {"key": "student"}]}
    (folder / "details.json").write_text(json.dumps(details))
    images = {str(number): {"path": f"test/{number}.jpg", "objects": [sign()]} for number in (1, 2)}
    (tmp_path / "annotations.json").write_text(json.dumps({"types": ["pl40", "w1"], "imgs": images}))
    return tmp_path / "annotations.json", folder


def test_an_output_of_the_evaluate_stage_is_scored(output):
    options = {"split": "test", "score_threshold": 0.04}
    for row, recall in ((None, 0.5), ("student", 0.5), ("teacher", 1.0)):
        scored = score_files(*output, **options, row=row)
        assert scored.metrics.by_long_side["all"].recall == recall
        assert "scores go to 1 (--score-scale), kept from 0.04 on; the highest is 0.9" in scored.as_text()


def test_of_an_output_the_measured_images_count(output):
    save_truth(output[1] / "truth.npz", [measured(1)])
    scored = score_files(*output, split="test", score_threshold=0.04)
    assert scored.metrics.by_long_side["all"].recall == 1.0
    assert "1 images of the split that the evaluate stage did not measure: they do not count" in scored.as_text()


@pytest.mark.parametrize("details", [[], {}, {"task": "detection", "class_names": [], "rows": [1]}])
def test_an_output_with_other_details_is_refused(output, details):
    (output[1] / "details.json").write_text(json.dumps(details))
    with pytest.raises(ValueError, match=r"details\.json: is no file of the evaluate stage; run it again"):
        score_files(*output, split="test", score_threshold=0.04)


def test_results_without_an_image_of_the_split_are_refused(output):
    annotations, folder = output
    document = json.loads(annotations.read_text())
    document["imgs"]["3"] = {"path": "train/3.jpg", "objects": []}
    annotations.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="none of its images is in split 'train' of the annotations; give their --spl"):
        score_files(annotations, folder, split="train", score_threshold=0.04)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": "baseline"}, "evaluation: has no row 'baseline'; use one of teacher, student"),
        ({"score_scale": 1}, "evaluation: an evaluation output has scores from 0 to 1; leave out --score-scale"),
    ],
)
def test_options_that_do_not_fit_an_output_are_refused(output, options, message):
    with pytest.raises(ValueError, match=message):
        score_files(*output, split="test", score_threshold=0.04, **options)


def test_a_row_of_a_file_and_another_folder_are_refused(files, tmp_path):
    annotations, results = files(one=[sign(score=900)])
    with pytest.raises(ValueError, match=r"results\.json: has no rows"):
        score_files(annotations, results, **OPTIONS, row="student")
    with pytest.raises(ValueError, match=r"has no details\.json; give an output of the evaluate stage, or a file"):
        score_files(annotations, tmp_path, split="test", score_threshold=0.04)


def test_an_output_of_a_classifier_is_refused(output):
    annotations, folder = output
    shutil.rmtree(folder / "detections")
    (folder / "details.json").write_text(
        json.dumps({"task": "classification", "class_names": [], "rows": [{"key": "student"}]})
    )
    with pytest.raises(ValueError, match="is of the task classification and has no detections; TT100K needs them"):
        score_files(annotations, folder, split="test", score_threshold=0.04)


def test_results_of_an_unknown_image_are_refused(files):
    with pytest.raises(ValueError, match=r"results.json: 1 of 2 images are not in the annotations, the first 'four'"):
        score_files(*files(one=[], four=[]), **OPTIONS)


def test_the_table_names_both_sizes_and_the_classes_seen(files):
    text = score_files(*files(one=[sign(score=900)]), **OPTIONS).as_text()
    assert text.count("small") == text.count("medium") == text.count("large") == 4  # with their intervals
    lines = text.splitlines()
    assert [line.split() for line in lines if line.startswith("pl40")] == [
        ["pl40", "1.0000", "0.5000", "0.6667", "0.7500", "1", "1", "2"]
    ]
    assert not any(line.startswith("i2") for line in lines)


def test_the_table_has_accuracy_recall_f1_and_area_of_each_size_and_their_intervals(files):
    scored = score_files(*files(one=[sign(score=900)]), **OPTIONS)
    lines = scored.as_text().splitlines()
    header = next(line for line in lines if line.startswith("by long side"))
    assert header.split()[-7:] == ["accuracy", "recall", "F1", "AUC", "right", "found", "objects"]
    row = next(line for line in lines if line.startswith("small"))
    assert row.split() == ["small", "1.0000", "0.5000", "0.6667", "0.7500", "1", "1", "2"]
    interval_header = next(line for line in lines if "95 % interval" in line)
    assert interval_header.split()[-4:] == ["accuracy", "recall", "F1", "AUC"]
    own = scored.intervals["long_side"]["small"]
    shown = [f"{low:.4f} to {high:.4f}" for low, high in (own[name] for name in ("accuracy", "recall", "f1", "auc"))]
    assert next(line for line in lines if line.startswith("  small")).split("  ")[-1].strip() == shown[-1]
    assert all(text in next(line for line in lines if line.startswith("  small")) for text in shown)
    assert next(line for line in lines if line.startswith("  large")).split()[-1] == "-"  # no object, no area


def test_the_numbers_are_ready_for_json(files):
    scored = score_files(*files(one=[sign(score=900)], two=[]), **OPTIONS)
    values = json.loads(json.dumps(scored.as_dict(), allow_nan=False))
    assert (values["protocol"], values["split"], values["score_scale"], values["num_images"]) == (
        "tt100k",
        "test",
        1000,
        2,
    )
    assert values["by_area"]["small"]["recall"] == 0.5
    low, high = values["intervals"]["area"]["small"]["recall"]
    assert low <= 0.5 <= high
    assert values["per_class"]["pl40"]["long_side"]["small"]["num_right"] == 1
    assert len(values["curves"]["long_side"]["small"]["recall"]) == 102
