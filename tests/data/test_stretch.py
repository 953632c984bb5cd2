import cv2
import numpy as np
import pytest

from lowres.data.stretch import stretched


def along_width(values, height):
    """An image whose columns have these grey values."""
    return np.broadcast_to(np.asarray(values, np.uint8)[None, :, None], (height, len(values), 3)).copy()


def means(values, count):
    """The mean of each of `count` equal parts; a value on an edge counts for both parts by its share."""
    return np.repeat(values, count).reshape(count, -1).mean(axis=1)


def test_image_of_the_size_is_itself(picture):
    assert np.array_equal(stretched(picture(32, 32), 32), picture(32, 32))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("height", [31, 5, 32, 33, 400])
def test_an_axis_that_shrinks_is_averaged_whatever_the_other_does(height, turned):
    values = np.random.default_rng(0).integers(0, 256, 400)
    image = along_width(values, height)
    square = stretched(image.transpose(1, 0, 2).copy(), 32).transpose(1, 0, 2) if turned else stretched(image, 32)
    assert square.shape == (32, 32, 3)
    assert np.abs(square - means(values, 32)[None, :, None]).max() <= 1  # both steps round to whole numbers


def test_an_axis_that_grows_is_bicubic_whatever_the_other_does():
    values = np.random.default_rng(1).integers(0, 256, 12)
    tall = along_width(values, 400)
    expected = cv2.resize(along_width(values, 32), (32, 32), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(stretched(tall, 32), expected)


def test_both_axes_grow_or_shrink_in_one_step(picture):
    for side, interpolation in ((20, cv2.INTER_CUBIC), (90, cv2.INTER_AREA)):
        image = picture(side, side + 11)
        assert np.array_equal(stretched(image, 32), cv2.resize(image, (32, 32), interpolation=interpolation))
