import json

import cv2
import numpy as np
import pytest
from tests.export.mean_colour import write_mean_colour_file
from tests.models.tiny_classifier import CLASS_NAMES, SIDE_PX, save_tiny_classifier

import lowres.api as api
from lowres.predicting import benchmark_table, predict_files

OPTIONS = {"threshold": None, "thumbnails": False}


@pytest.fixture
def model(tmp_path):
    save_tiny_classifier(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def file(tmp_path):
    known = {"class_names": '["r", "g", "b"]', "input": json.dumps({"short_side_px": 4})}
    return str(write_mean_colour_file(tmp_path / "model.onnx", **known))


@pytest.fixture
def images(tmp_path):
    """A red, a green and a broken image of 8 px."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, bgr in (("1.png", (0, 0, 255)), ("2.png", (0, 255, 0))):
        cv2.imwrite(str(folder / name), np.full((8, 8, 3), bgr, np.uint8))
    (folder / "3.png").write_bytes(b"no image")
    return str(folder)


def test_predict_lists_the_best_classes_and_writes_readable_pictures(file, images, tmp_path, capsys):
    predict_files(file, images, out=tmp_path / "out", **OPTIONS)
    listed = json.loads((tmp_path / "out/predictions.json").read_text())
    best = [image["classes"][0] for image in listed["images"]]
    assert [(entry["class"], entry["label"]) for entry in best] == [("r", 0), ("g", 1)]
    assert best[0]["probability"] == pytest.approx(np.e / (np.e + 2), abs=1e-5)
    assert [len(image["classes"]) for image in listed["images"]] == [3, 3]
    assert len(listed["refused"]) == 1
    for image in listed["images"]:
        assert min(cv2.imread(image["drawn"]).shape[:2]) >= 640
    assert "2 images, the best classes of each" in capsys.readouterr().out


def test_predict_writes_thumbnails_of_a_model_folder(model, images, tmp_path):
    predict_files(model, images, out=tmp_path / "out", threshold=None, thumbnails=True)
    thumbnails = sorted((tmp_path / "out").glob("*.thumbnail.png"))
    assert [path.name for path in thumbnails] == ["1.png.thumbnail.png", "2.png.thumbnail.png"]
    assert cv2.imread(str(thumbnails[0])).shape == (SIDE_PX // 4, SIDE_PX // 4, 3)
    listed = json.loads((tmp_path / "out/predictions.json").read_text())
    assert len(listed["images"][0]["classes"]) == 5
    assert {entry["class"] for entry in listed["images"][0]["classes"]} <= set(CLASS_NAMES)


def test_options_that_a_model_does_not_have_are_refused_before_anything_is_written(file, images, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=r"--threshold is 0\.2, and the model is a classifier"):
        predict_files(file, images, out=out, threshold=0.2, thumbnails=False)
    with pytest.raises(ValueError, match="--thumbnails needs a model folder"):
        predict_files(file, images, out=out, threshold=None, thumbnails=True)
    assert not out.exists()


def test_one_image_gives_the_probabilities_of_its_classes(model, images):
    classifier = api.load(model)
    found = api.predict(classifier, f"{images}/1.png")
    assert found.shape == (len(CLASS_NAMES),)
    assert found.sum() == pytest.approx(1.0)
    pixels = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    np.testing.assert_array_equal(found, api.predict(classifier, pixels))
    with pytest.raises(ValueError, match="give RGB pixels"):
        api.predict(classifier, pixels[..., 0])


def test_benchmark_tells_the_cost_of_a_folder(model, images, tmp_path):
    table = benchmark_table(model, f"{images}/1.png", data=tmp_path, repeats=3)
    for word in ("parameters", "multiply-adds", "peak memory", "decode", "resize", "model", "total", "threads"):
        assert word in table


def test_benchmark_tells_the_latency_of_a_file(file, images, tmp_path):
    table = benchmark_table(file, f"{images}/1.png", data=tmp_path, repeats=3)
    assert "parameters" not in table
    for word in ("decode", "resize", "model", "total", "threads"):
        assert word in table
