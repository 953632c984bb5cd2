import numpy as np
import pytest

from lowres.loaded.showing import showing_of
from lowres.records import ImageDetections


class FixedClassifier:
    class_names = [f"class {number}" for number in range(7)]  # noqa: RUF012 - as the Protocol has it
    probabilities = np.array([0.05, 0.5, 0.1, 0.05, 0.2, 0.1, 0.0])

    def classify_one(self, pixels):
        return self.probabilities


class FixedDetector:
    class_names = ["cat", "dog"]  # noqa: RUF012 - as the Protocol has it

    def detect_one(self, pixels):
        boxes = np.array([[1.0, 2.0, 30.126, 40.0], [5.0, 5.0, 9.0, 9.0]])
        return ImageDetections(0, boxes, np.array([0.9, 0.3]), np.array([1, 0]))


def test_the_five_best_classes_are_listed_best_first():
    shown = showing_of("classification", threshold=None).show(FixedClassifier(), np.zeros((8, 8, 3), np.uint8))
    assert [entry["label"] for entry in shown.entry["classes"]] == [1, 4, 2, 5, 0]
    assert shown.entry["classes"][0] == {"class": "class 1", "label": 1, "probability": 0.5}


@pytest.mark.parametrize("side", [8, 32, 100])
def test_a_small_image_is_enlarged_and_written_on(side):
    image = np.full((side, side, 3), 128, np.uint8)
    picture = showing_of("classification", threshold=None).show(FixedClassifier(), image).picture
    assert min(picture.shape[:2]) >= 640
    written = (np.abs(picture.astype(int) - 128) > 40).any(axis=2)
    assert written.any()
    assert written.mean() < 0.1  # the image stays visible


def test_boxes_under_the_threshold_are_neither_drawn_nor_listed():
    image = np.zeros((50, 50, 3), np.uint8)
    shown = showing_of("detection", threshold=None).show(FixedDetector(), image)
    assert shown.entry["detections"] == [
        {"class": "dog", "label": 1, "score": 0.9, "box_xyxy_px": [1.0, 2.0, 30.13, 40.0]}
    ]
    everything = showing_of("detection", threshold=0.0)
    assert len(everything.show(FixedDetector(), image).entry["detections"]) == 2
    assert everything.summary([{"detections": [1, 2]}, {"detections": []}]) == "2 images, 2 boxes of score 0 and more"


def test_a_threshold_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"--threshold is 1\.5; it must be from 0 to 1"):
        showing_of("detection", threshold=1.5)


def test_a_classifier_has_no_threshold():
    with pytest.raises(ValueError, match=r"--threshold is 0\.5, and the model is a classifier: .*leave the option out"):
        showing_of("classification", threshold=0.5)
