import numpy as np
import pytest

from lowres.export.classifier_runtime import OnnxClassifier


def plain(*rgb):
    return np.full((4, 4, 3), rgb, np.uint8)


def test_probabilities_come_back_in_order_whatever_the_batch_size(mean_colour_file):
    classifier = OnnxClassifier(mean_colour_file(), threads=1)
    images = [plain(255, 0, 0), plain(0, 255, 0), plain(0, 0, 255), plain(7, 7, 7), plain(0, 255, 0)]
    high, low = np.e / (np.e + 2), 1 / (np.e + 2)
    expected = [[high, low, low], [low, high, low], [low, low, high], [1 / 3] * 3, [low, high, low]]
    for batch_size in (1, 2, 64):
        found = classifier.classify(images, batch_size=batch_size)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_images_give_no_probabilities(mean_colour_file):
    assert OnnxClassifier(mean_colour_file(), threads=1).classify([]).shape == (0, 3)


def test_what_the_file_says_of_itself_is_read(mean_colour_file, metadata):
    classifier = OnnxClassifier(mean_colour_file(extra="1"), threads=2)
    assert classifier.class_names == ["stop", "yield", "speed 30"]
    assert classifier.side_px == 4
    assert classifier.metadata["commit"] == metadata["commit"]
    assert classifier.metadata["extra"] == "1"
    assert classifier.threads == 2


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
    ],
    ids=["float", "grey", "channels first", "not square", "another side"],
)
def test_an_image_of_another_shape_is_refused_by_its_place(mean_colour_file, image):
    with pytest.raises(ValueError, match=r"image 1: need uint8 \[4, 4, 3\] RGB, got .*; resize it to 4 x 4 px first"):
        OnnxClassifier(mean_colour_file(), threads=1).classify([plain(0, 0, 0), image])
