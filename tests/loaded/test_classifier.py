import json

import cv2
import numpy as np
import pytest
import torch
from tests.export.mean_colour import write_mean_colour_file
from tests.models.tiny_classifier import SIDE_PX, save_tiny_classifier

from lowres.loaded.choose import load_file, load_folder


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def test_probabilities_are_those_of_the_stored_model(tmp_path, noise):
    stored = save_tiny_classifier(tmp_path)
    square = cv2.resize(noise, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        logits = stored(torch.from_numpy(square).permute(2, 0, 1)[None] / 255).logits[0]
    found = load_folder(tmp_path).classify_one(noise)
    np.testing.assert_allclose(found, logits.softmax(0).numpy(), atol=1e-5)


def test_the_thumbnail_is_what_the_down_sampler_makes(tmp_path, noise):
    save_tiny_classifier(tmp_path)
    thumbnail = load_folder(tmp_path).thumbnail(noise)
    assert thumbnail.dtype == np.uint8
    assert thumbnail.shape == (SIDE_PX // 4, SIDE_PX // 4, 3)


def test_a_file_is_fed_squares_of_its_side(tmp_path):
    known = {"class_names": '["r", "g", "b"]', "input": json.dumps({"short_side_px": 4})}
    model = load_file(write_mean_colour_file(tmp_path / "model.onnx", **known))
    for size in ((4, 4), (9, 30), (2, 2)):
        found = model.classify_one(np.full((*size, 3), (255, 0, 0), np.uint8))
        np.testing.assert_allclose(found, [np.e / (np.e + 2), 1 / (np.e + 2), 1 / (np.e + 2)], rtol=1e-5)
