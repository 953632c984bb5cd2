import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnxruntime import InferenceSession
from PIL import Image
from ruamel.yaml import YAML

from lowres.data.images import decode_upright
from lowres.data.stretch import stretched
from lowres.export.model_card import CLASSIFIER_CARD, DETECTOR_CARD, write_model_card

FACTS: dict[str, Any] = {
    "name": "signs-64",
    "summary": "Finds traffic signs on images shrunk 4 times.",
    "model": {
        "family": "rt_detr_v2",
        "parameters": 1_750_000,
        "ratio": 4,
        "downsampler": "learned, 2 layers",
        "stride_shift": 1,
        "class_names": ["stop", "yield"],
        "canvas_multiple_px": 64,
        "max_detections": 100,
        "input": "as they are, 256 x 256 px",
        "onnx_file": "model.onnx",
    },
    "accuracy": {
        "split": "test",
        "images": 200,
        "rows": [
            {"model": "teacher", "ap": 0.8123, "ap_small": None},
            {"model": "teacher on bicubic thumbnails", "ap": 0.01, "ap_small": None},
            {"model": "student", "ap": 0.45678, "ap_small": 0.2},
        ],
    },
    "cost": {"hardware": "a CPU", "threads": 2, "rows": [{"model": "student", "macs": 1.2e9, "p50_ms": 12.3}]},
    "data": {
        "name": "signs",
        "train_images": 1200,
        "val_images": 200,
        "test_images": 200,
        "source": "rendered by lowres, Apache-2.0",
        "id": "3f6c74753b2315aa",
    },
    "training": {"config_hash": "0123abcd", "commit": "fedcba98"},
    "ap_by_thumbnail_size": [{"thumbnail_px": "0 to 4", "ap": 0.1}, {"thumbnail_px": "4 to 8", "ap": 0.5}],
    "limits": ["Signs under 3 px of the thumbnail are mostly missed."],
    "parity": {
        "images": 64,
        "sizes_hw": [[256, 256], [251, 255]],
        "min_score": 0.05,
        "detections": 310,
        "unmatched": 0,
        "max_box_px": 0.00012,
        "max_score": 1.2e-06,
        "ap_pytorch": 0.4561,
        "ap_onnx": 0.4561,
    },
}

CLASSIFIER_FACTS: dict[str, Any] = {
    "name": "signs-8",
    "summary": "Names traffic signs of 8 x 8 px.",
    "model": {
        "family": "resnet18",
        "width": 0.25,
        "parameters": 701_466,
        "ratio": 4,
        "downsampler": "kind bicubic, ratio 4",
        "restore": "bicubic",
        "class_names": ["stop", "yield", "speed 30"],
        "side_px": 4,
        "onnx_file": "classifier.onnx",
        "thumbnail_px": 1,
        "thumbnail_file": "thumbnail.onnx",
    },
    "accuracy": {
        "split": "test",
        "images": 200,
        "rows": [
            {"model": "teacher", "top-1": 0.9338, "95 % interval": "0.9289 to 0.9386", "top-5": None},
            {"model": "student", "top-1": 0.81264, "95 % interval": "0.805 to 0.8202", "top-5": None},
        ],
    },
    "calibration": {"rows": [{"confidence": "0.93 to 1.00", "images": 120, "accuracy": 0.95}]},
    "cost": FACTS["cost"],
    "data": FACTS["data"],
    "training": FACTS["training"],
    "weakest_classes": [{"class": "yield", "images": 20, "top-1": 0.5}],
    "limits": ["Every image gets one of these classes."],
    "parity": {
        "images": 64,
        "max_probability": 1.2e-06,
        "changed": 0,
        "top1_pytorch": 0.8125,
        "top1_onnx": 0.8125,
        "thumbnail": {
            "images": 63,
            "max_probability": 3.4e-06,
            "changed": 1,
            "top1_pytorch": 0.6875,
            "top1_onnx": 0.6719,
        },
    },
}
CARDS = {"detector": (DETECTOR_CARD, FACTS), "classifier": (CLASSIFIER_CARD, CLASSIFIER_FACTS)}


def written(tmp_path: Path, facts: dict[str, Any], template: Path = DETECTOR_CARD) -> str:
    write_model_card(tmp_path / "README.md", facts, template=template)
    return (tmp_path / "README.md").read_text()


def test_front_matter_is_what_the_hub_reads_and_licenses_nothing(tmp_path: Path):
    front = YAML(typ="safe").load(written(tmp_path, FACTS).split("---\n")[1])
    assert front == {
        "library_name": "onnx",
        "pipeline_tag": "object-detection",
        "tags": ["object-detection", "onnx", "low-resolution", "rt_detr_v2"],
    }


def test_measured_facts_are_on_the_card(tmp_path: Path):
    card = written(tmp_path, FACTS)
    assert "# signs-64\n\nFinds traffic signs on images shrunk 4 times.\n" in card
    assert "| model | ap | ap small |\n|---|---|---|\n| teacher | 0.8123 | – |\n" in card
    assert "| student | 0.4568 | 0.2 |" in card
    assert "| student | 1,200,000,000 | 12.3 |" in card
    assert "rt_detr_v2, 1,750,000 parameters" in card
    assert "2: stop, yield" in card
    assert "`0123abcd`" in card
    assert "`3f6c74753b2315aa`" in card
    assert "(input sizes 256x256, 251x255, height x width)" in card
    assert "| Largest difference of a box side | 0.00012 px |" in card
    assert "| 4 to 8 | 0.5 |" in card
    assert "\n- Signs under 3 px of the thumbnail are mostly missed.\n\n## Parity" in card


def test_measured_facts_are_on_the_card_of_a_classifier(tmp_path: Path):
    card = written(tmp_path, CLASSIFIER_FACTS, CLASSIFIER_CARD)
    front = YAML(typ="safe").load(card.split("---\n")[1])
    assert front["pipeline_tag"] == "image-classification"
    assert front["tags"] == ["image-classification", "onnx", "low-resolution", "resnet18"]
    assert "# signs-8\n\nNames traffic signs of 8 x 8 px.\n" in card
    assert "resnet18, width 0.25, 701,466 parameters" in card
    assert "3: stop, yield, speed 30" in card
    assert "uint8 `[batch, 4, 4, 3]`" in card
    assert "| student | 0.8126 | 0.805 to 0.8202 | – |" in card
    assert "| 0.93 to 1.00 | 120 | 0.95 |" in card
    assert "| student | 1,200,000,000 | 12.3 |" in card
    assert "| yield | 20 | 0.5 |" in card
    assert "`0123abcd`" in card
    assert "| Largest difference of a probability | 1.2e-06 |" in card


def test_a_file_for_thumbnails_is_on_the_card_where_there_is_one(tmp_path: Path):
    card = written(tmp_path, CLASSIFIER_FACTS, CLASSIFIER_CARD)
    assert "Images that are 1 x 1 px or less already, and no others, belong into `thumbnail.onnx`" in card
    assert "on 63 images averaged down to 1 px: largest difference of a probability 3.4e-06, another class" in card
    facts = copy.deepcopy(CLASSIFIER_FACTS)
    facts["model"]["thumbnail_file"] = None
    del facts["parity"]["thumbnail"]
    card = written(tmp_path, facts, CLASSIFIER_CARD)
    assert "thumbnail.onnx" not in card
    assert "\n\n\n" not in card


def paths(facts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in facts.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *rest) for rest in paths(value))


@pytest.mark.parametrize(("kind", "count"), [("detector", 43), ("classifier", 48)])
def test_every_fact_is_required(tmp_path: Path, kind, count):
    template, known = CARDS[kind]
    all_paths = list(paths(known))
    assert len(all_paths) == count
    for path in all_paths:
        facts = copy.deepcopy(known)
        inner = facts
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        with pytest.raises(ValueError, match=f"missing.*{path[-1]}"):
            written(tmp_path, facts, template)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "", []])
def test_what_is_no_measurement_is_refused(tmp_path: Path, value):
    facts = copy.deepcopy(FACTS)
    facts["accuracy"]["rows"][1]["ap"] = value
    with pytest.raises(ValueError, match=r"accuracy\.rows\[1\]\.ap is"):
        written(tmp_path, facts)


def test_rows_with_other_columns_are_refused(tmp_path: Path):
    facts = copy.deepcopy(FACTS)
    del facts["accuracy"]["rows"][1]["ap_small"]
    with pytest.raises(ValueError, match="rows of one table differ"):
        written(tmp_path, facts)


def run_example(folder: Path, card: str, monkeypatch, *, lines: int) -> dict[str, Any]:
    match = re.search(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert match is not None
    assert len([line for line in match[1].splitlines() if line]) == lines
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(match[1], names)
    return names


def test_example_on_the_card_runs(tmp_path: Path, whole_image_file, monkeypatch):
    path = whole_image_file()
    cv2.imwrite(str(tmp_path / "image.jpg"), np.zeros((20, 30, 3), np.uint8))
    names = run_example(path.parent, written(tmp_path, FACTS), monkeypatch, lines=5)
    assert names["boxes"].tolist() == [[[0, 0, 30, 20]]]


def test_example_on_the_card_of_a_classifier_runs(tmp_path: Path, mean_colour_file, monkeypatch):
    path = mean_colour_file()
    cv2.imwrite(str(tmp_path / "image.jpg"), np.zeros((20, 30, 3), np.uint8))
    names = run_example(path.parent, written(tmp_path, CLASSIFIER_FACTS, CLASSIFIER_CARD), monkeypatch, lines=7)
    np.testing.assert_allclose(names["probabilities"], [[1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


@pytest.mark.parametrize("size", [(20, 30), (3, 30), (2, 3), (4, 4), (4, 9)])
def test_example_on_the_card_of_a_classifier_reads_images_as_training_does(
    tmp_path: Path, mean_colour_file, monkeypatch, size
):
    path = mean_colour_file()
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # a viewer turns it by a quarter
    Image.fromarray(noise).save(tmp_path / "image.jpg", exif=exif)
    fed = []
    monkeypatch.setattr(InferenceSession, "run", lambda self, names, given: fed.append(given["pixels"]) or [None])
    run_example(path.parent, written(tmp_path, CLASSIFIER_FACTS, CLASSIFIER_CARD), monkeypatch, lines=7)
    expected = stretched(decode_upright((tmp_path / "image.jpg").read_bytes()), 4)
    np.testing.assert_array_equal(fed[0], expected[None])
