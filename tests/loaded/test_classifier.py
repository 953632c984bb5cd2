import json

import cv2
import numpy as np
import pytest
import torch
from tests.export.mean_colour import write_mean_colour_file
from tests.models.tiny_classifier import LEARNED, SIDE_PX, save_tiny_classifier, tiny_spec

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


def by_network(stored, thumbnail):
    """Probabilities of a thumbnail uint8 [i, i, 3] that no down-sampler has touched."""
    with torch.no_grad():
        return stored.classify_thumbnail(torch.from_numpy(thumbnail).permute(2, 0, 1)[None] / 255).logits[0].softmax(0)


@pytest.mark.parametrize("size", [(8, 8), (5, 8), (8, 3)])
def test_an_image_of_the_thumbnails_size_is_the_thumbnail(tmp_path, noise, size):
    stored = save_tiny_classifier(tmp_path)
    small = noise[: size[0], : size[1]]
    square = cv2.resize(small, (8, 8), interpolation=cv2.INTER_CUBIC)  # the image itself where it is 8 px
    model = load_folder(tmp_path)
    np.testing.assert_allclose(model.classify_one(small), by_network(stored, square), atol=1e-5)
    np.testing.assert_array_equal(model.thumbnail(small), square)


def test_a_larger_image_is_shrunk_by_the_model_and_so_is_any_by_a_learned_down_sampler(tmp_path, noise):
    for name, spec, size in (("fixed", tiny_spec(), 9), ("learned", tiny_spec(downsampler=LEARNED), 8)):
        stored = save_tiny_classifier(tmp_path / name, spec)
        small = noise[:size, :size]
        square = cv2.resize(small, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        with torch.no_grad():
            logits = stored(torch.from_numpy(square).permute(2, 0, 1)[None] / 255).logits[0]
        np.testing.assert_allclose(load_folder(tmp_path / name).classify_one(small), logits.softmax(0), atol=1e-5)


def test_a_file_is_fed_squares_of_its_side(tmp_path):
    known = {"class_names": '["r", "g", "b"]', "input": json.dumps({"short_side_px": 4})}
    model = load_file(write_mean_colour_file(tmp_path / "model.onnx", **known))
    for size in ((4, 4), (9, 30), (2, 2)):
        found = model.classify_one(np.full((*size, 3), (255, 0, 0), np.uint8))
        np.testing.assert_allclose(found, [np.e / (np.e + 2), 1 / (np.e + 2), 1 / (np.e + 2)], rtol=1e-5)


def test_a_file_that_blurs_small_images_names_the_one_for_them_once(tmp_path, caplog):
    known = {"class_names": '["r", "g", "b"]', "input": json.dumps({"short_side_px": 4}), "ratio": "2"}
    path = write_mean_colour_file(tmp_path / "model.onnx", **known)

    def said(*sides):
        caplog.clear()
        model = load_file(path)
        for side in sides:
            model.classify_one(np.zeros((side, 2, 3), np.uint8))
        return caplog.messages

    assert said(2) == []
    write_mean_colour_file(tmp_path / "thumbnail.onnx", **known)
    assert said(3) == []
    (message,) = said(2, 1, 2)
    assert f"{path} enlarges images of 2 px and less" in message
    assert f"{tmp_path}/thumbnail.onnx is for these" in message


def test_the_file_for_thumbnails_names_the_one_for_larger_images_once(tmp_path, caplog):
    known = {"class_names": '["r", "g", "b"]', "input": json.dumps({"short_side_px": 4}), "ratio": "1"}

    def said(name, *sides):
        caplog.clear()
        model = load_file(write_mean_colour_file(tmp_path / name, **known))
        for side in sides:
            model.classify_one(np.zeros((2, side, 3), np.uint8))
        return caplog.messages

    assert said("thumbnail.onnx", 3, 4) == []
    (message,) = said("thumbnail.onnx", 4, 5, 40)
    assert f"{tmp_path}/thumbnail.onnx shrinks images of more than 4 px by averaging" in message
    assert "model.onnx of the same export is for these" in message
    assert said("model.onnx", 5) == []  # of a model without a down-sampler
