import math

import numpy as np

from lowres.data.images import decode_rgb
from lowres.data.labelled_images import encode_png, labelled_image


def test_the_one_box_covers_the_whole_image():
    image = labelled_image(image_id=5, file_name="a.png", read=lambda: b"x", wh_px=(20, 10), category_id=3)
    assert (image.image_id, image.file_name, image.read(), image.stated_wh_px) == (5, "a.png", b"x", (20, 10))
    assert image.boxes_xyxy_px.tolist() == [[0, 0, 20, 10]]
    assert (image.category_ids.tolist(), image.iscrowd.tolist(), image.area_px.tolist()) == ([3], [False], [200])
    dtypes = (image.boxes_xyxy_px.dtype, image.category_ids.dtype, image.iscrowd.dtype, image.area_px.dtype)
    assert dtypes == (np.float64, np.int64, np.bool_, np.float64)


def test_box_of_an_unreadable_image_is_nan():
    image = labelled_image(image_id=1, file_name="a.png", read=lambda: b"", wh_px=None, category_id=0)
    assert image.stated_wh_px is None
    assert image.boxes_xyxy_px.shape == (1, 4)
    assert math.isnan(image.boxes_xyxy_px.sum())


def test_png_returns_the_same_rgb_pixels(picture):
    pixels = picture(7, 5)
    assert (decode_rgb(encode_png(pixels)) == pixels).all()
