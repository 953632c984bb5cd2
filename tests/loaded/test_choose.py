import pytest
from tests.export.mean_colour import write_mean_colour_file
from tests.models.tiny_classifier import CLASS_NAMES, save_tiny_classifier

from lowres.loaded.choose import load_file, load_folder
from lowres.loaded.model import Classifier, Detector, ShowsThumbnail


def test_a_folder_of_a_classifier_is_a_classifier_that_shows_its_thumbnail(tmp_path):
    save_tiny_classifier(tmp_path)
    model = load_folder(tmp_path)
    assert model.task == "classification"
    assert model.class_names == CLASS_NAMES
    assert isinstance(model, Classifier)
    assert isinstance(model, ShowsThumbnail)
    assert not isinstance(model, Detector)


def test_a_file_of_a_classifier_is_a_classifier_that_keeps_its_thumbnail(tmp_path):
    model = load_file(write_mean_colour_file(tmp_path / "model.onnx", class_names='["r", "g", "b"]'))
    assert model.task == "classification"
    assert model.class_names == ["r", "g", "b"]
    assert isinstance(model, Classifier)
    assert not isinstance(model, ShowsThumbnail)
    assert not isinstance(model, Detector)


def test_a_file_for_a_task_that_nobody_knows_is_refused(tmp_path):
    path = write_mean_colour_file(tmp_path / "model.onnx", task="segmentation")
    with pytest.raises(ValueError, match=r"model\.onnx: an ONNX file for segmentation; this version knows detection"):
        load_file(path)
