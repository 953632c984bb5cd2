"""What measuring detectors leaves is enough to score them again."""

import json

import pytest
import torch
from tests.models.tiny import RT_DETR_V2
from tests.stages.small import small_params

from lowres.config.params import parse_params
from lowres.data.truth import class_names, load_truth
from lowres.evaluation.ap_resampling import HEADLINE
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.saved import read_detections, read_truth
from lowres.models.build import build_detector
from lowres.models.downsamplers import build_downsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.stages import prepare
from lowres.stages.measuring.detector_split import measure_detectors


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    values = small_params()
    values["data"]["source"] |= {"num_train": 2, "num_val": 2, "num_test": 5}
    params = parse_params(values, origin="test")
    prepare.run(params.data, out_data=folder / "data")
    split = folder / "data/test"
    torch.manual_seed(0)
    detector = build_detector(**RT_DETR_V2, class_names=class_names(split))
    model = ThumbnailDetector(build_downsampler(kind="bicubic", ratio=4), detector)
    (folder / "evaluation").mkdir()
    found = measure_detectors(
        {"student": model}, params.evaluate, params.data.input, split=split, folder=folder / "evaluation"
    )
    return split, folder / "evaluation", found


def test_every_headline_number_has_its_interval_in_strict_json(measured):
    metrics = measured[2].metrics["student"]
    json.dumps(metrics, allow_nan=False)
    for name in HEADLINE:
        interval = metrics[f"{name}_interval"]
        assert (interval is None) == (metrics[name] is None)
        if interval is not None:
            assert 0 <= interval[0] <= metrics[name] + 1e-9
            assert metrics[name] <= interval[1] + 1e-9 <= 1 + 1e-9
    assert metrics["engine"].startswith("pycocotools")


def test_truth_and_detections_are_kept_to_the_last_digit(measured):
    split, folder, found = measured
    truth = read_truth(folder / "truth.npz")
    assert [image.image_id for image in truth] == [image.image_id for image in load_truth(split)]
    again = evaluate_detections(
        truth, read_detections(folder / "detections/student.npz"), class_names=class_names(split)
    )
    assert again.num_detections > 0
    for name in HEADLINE:
        assert getattr(again, name) == pytest.approx(found.metrics["student"][name], abs=1e-9)
