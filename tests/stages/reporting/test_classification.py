"""What evaluate leaves of a classifier becomes a page: the two stages' kits agree on names, forms and positions."""

import cv2
import numpy as np
import pytest
import torch

from lowres.config.classification import Evaluate
from lowres.config.data import Input
from lowres.data.class_folders import ClassFolders
from lowres.data.pack import pack_split
from lowres.models.classifiers import build_classifier
from lowres.models.downsamplers import FixedDownsampler, IdentityDownsampler
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.measuring.classifier_split import measure_classifiers
from lowres.stages.reporting.choose import reporting_kit_of
from lowres.stages.reporting.classification import ClassificationReporting
from lowres.stages.reporting.kit import Facts

NAMES = ["cat", "dog", "ox"]
SIZING = Input(short_side_px=32, long_side_px=32, stretch=True, canvas_multiple_px=32)


def classifier(downsampler, restore):
    network = build_classifier(
        family="resnet18", num_classes=3, width=0.125, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
    )
    return ThumbnailClassifier(downsampler, network, restore=restore).eval()


@pytest.fixture
def facts(tmp_path):
    """Of three rows with random weights on twelve images; their files are in tmp_path / "evaluation"."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for name in NAMES:
        (tmp_path / "set/test" / name).mkdir(parents=True)
        for number in range(4):
            image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "set/test" / name / f"{number}.png"), image)
    pack_split(
        ClassFolders(tmp_path / "set", split="test"),
        tmp_path / "data/test",
        shard_bytes=1 << 20,
        max_bad_fraction=0,
        min_side_px=1,
    )
    (tmp_path / "evaluation").mkdir()
    models = {
        "teacher": classifier(IdentityDownsampler(), "none"),
        "baseline": classifier(FixedDownsampler(kind="area", ratio=4), "bicubic"),
        "student": classifier(FixedDownsampler(kind="area", ratio=4), "bicubic"),
    }
    measured = measure_classifiers(
        models,
        Evaluate(split="test", batch_size=5, latency_repeats=1, calibration_bins=15),
        SIZING,
        split=tmp_path / "data/test",
        folder=tmp_path / "evaluation",
    )
    rows = [
        {
            "key": key,
            "title": key.capitalize(),
            "metrics": measured.metrics[key],
            "cost": {"thumbnail_wh_px": [32 // model.ratio] * 2, "multiply_adds": 1000},
        }
        for key, model in models.items()
    ]
    details = {"rows": rows, "class_names": NAMES, "drop_rate": None, **measured.details}
    return Facts("Title", 2, details, {"teacher": []}, "task: classification", {"commit": "abc"}, ["A note."])


def test_page_holds_what_evaluate_left(facts, tmp_path):
    page = ClassificationReporting().page(facts, data=tmp_path / "data", evaluation=tmp_path / "evaluation")
    assert page.html.count("<img ") == 3 * 2 * 2
    assert page.html.count("Reliability, ") == 3
    for told in ("Title", "A note.", "abc", "Baseline", "8 × 8 px", "Confusion matrix, Student: "):
        assert told in page.html
    assert page.summary.startswith("From 8 px thumbnails of 32 px images the student recognises ")


def test_an_example_carries_its_own_label_and_id(facts, tmp_path):
    page = ClassificationReporting().page(facts, data=tmp_path / "data", evaluation=tmp_path / "evaluation")
    position = facts.details["examples"]["worst"][0]
    # Images are packed class by class, four of each, with ids from 1.
    card = page.html.split("<h3>Worst</h3>")[1]
    assert f"<h4>{NAMES[position // 4]} <span>image {position + 1}</span></h4>" in card


def test_a_picture_that_is_gone_is_refused_by_its_path(facts, tmp_path):
    position = facts.details["examples"]["best"][0]
    (tmp_path / f"evaluation/examples/{position}-image.png").unlink()
    with pytest.raises(ValueError, match=f"{position}-image.png: missing or no image; run the evaluate stage again"):
        ClassificationReporting().page(facts, data=tmp_path / "data", evaluation=tmp_path / "evaluation")


def test_counts_of_a_split_are_in_the_task_s_own_words():
    split = {"read": 5, "refused": ["a"], "boxes": {"kept": 7}}
    assert reporting_kit_of("classification").counts(split) == {"images": 5, "refused": 1}
    assert reporting_kit_of("detection").counts(split) == {"images": 5, "refused": 1, "boxes": 7}


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="task: 'poetry' unknown; use one of detection, classification"):
        reporting_kit_of("poetry")
