"""Both engines against pycocotools on raw files; `make evaluator-parity` does it a thousand times."""

import sys
from dataclasses import replace

import pytest

from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.fast_tables import hotcoco_version

NAMES = ("a", "b", "c")


@pytest.fixture
def hotcoco():
    return pytest.importorskip("hotcoco", reason="the extra `fast` is not installed: pip install 'lowres[fast]'")


@pytest.mark.parametrize("seed", range(1000, 1024))
def test_every_entry_equals_pycocotools_to_1e_9(hotcoco, seed, tmp_path):
    from tests.evaluation.engine_parity import TOLERANCE, largest_difference

    assert largest_difference(seed, tmp_path) <= TOLERANCE


def test_all_metrics_are_the_same_and_name_their_engine(hotcoco, random_scene):
    truth, detections = random_scene(4)
    options = {"class_names": NAMES, "thumbnail_ratio": 4.0, "input_scale": lambda width, height: (0.5, 0.7)}
    reference = evaluate_detections(truth, detections, **options)
    fast = evaluate_detections(truth, detections, **options, engine="hotcoco")
    assert fast.engine == f"hotcoco {hotcoco.__version__}"
    assert replace(fast, engine=reference.engine) == reference


@pytest.mark.parametrize("first", [2**53, 2**63 - 3])
def test_images_whose_ids_no_float_tells_apart_keep_their_detections(hotcoco, truth_of, found_of, first):
    boxes = {first + 1: (10, 10, 30, 30), first + 2: (50, 50, 90, 90)}
    truth = [truth_of(image_id, (0, *box)) for image_id, box in boxes.items()]
    found = [found_of(image_id, (0, 0.5, *box)) for image_id, box in boxes.items()]
    metrics = evaluate_detections(truth, found, class_names=NAMES, engine="hotcoco")
    assert metrics.ap == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("detections", [0, 1])
def test_nothing_found_is_ap_0(hotcoco, truth_of, found_of, detections):
    truth = [truth_of(1, (0, 10, 10, 30, 30))]
    metrics = evaluate_detections(truth, [found_of(1)] * detections, class_names=NAMES, engine="hotcoco")
    assert (metrics.ap, metrics.ar_100) == (0.0, 0.0)


def test_no_objects_and_no_images_leave_ap_undefined(hotcoco, truth_of):
    for truth in ([], [truth_of(1)]):
        assert evaluate_detections(truth, [], class_names=NAMES, engine="hotcoco").ap is None


def test_without_a_word_the_engine_is_pycocotools(random_scene):
    assert evaluate_detections(*random_scene(0), class_names=NAMES).engine.startswith("pycocotools 2.")


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine: 'fast' unknown; use pycocotools or hotcoco"):
        evaluate_detections([], [], class_names=NAMES, engine="fast")  # pyright: ignore[reportArgumentType]


def test_an_engine_that_is_not_installed_is_refused_not_replaced(monkeypatch, truth_of):
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(ValueError, match=r"hotcoco is not installed; pip install 'lowres\[fast\]'"):
        evaluate_detections([truth_of(1)], [], class_names=NAMES, engine="hotcoco")
    with pytest.raises(ValueError, match="not installed"):
        hotcoco_version()
