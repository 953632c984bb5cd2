import pytest

from lowres.export.classifier_runtime import OnnxClassifier
from lowres.export.runtime import OnnxDetector
from lowres.export.session import task_of_file


def test_a_classifier_is_no_detector(mean_colour_file):
    with pytest.raises(ValueError, match=r"classifier\.onnx: an ONNX file for classification, not for detection"):
        OnnxDetector(mean_colour_file(), threads=1)


def test_a_detector_is_no_classifier(whole_image_file):
    with pytest.raises(ValueError, match=r"model\.onnx: an ONNX file for detection, not for classification"):
        OnnxClassifier(whole_image_file(), threads=1)


def test_a_file_that_names_no_task_is_a_detector(whole_image_file):
    path = whole_image_file()
    assert task_of_file(path) == "detection"
    assert "task" not in OnnxDetector(path, threads=1).metadata


def test_a_file_tells_its_task(whole_image_file, mean_colour_file):
    assert task_of_file(whole_image_file(task="detection")) == "detection"
    assert task_of_file(mean_colour_file()) == "classification"


def test_no_file_has_no_task(tmp_path):
    with pytest.raises(ValueError, match=r"none\.onnx: no such ONNX file"):
        task_of_file(tmp_path / "none.onnx")
