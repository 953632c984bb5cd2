import io

import numpy as np
from PIL import Image

from lowres.stages.measuring.choose import measuring_kit_of


def test_classifiers_see_an_image_as_it_is_shown_and_detectors_as_it_is_stored():
    pixels = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", exif=exif)
    for task, expected in (("classification", np.rot90(pixels, -1)), ("detection", pixels)):
        assert np.array_equal(measuring_kit_of(task).decode(encoded.getvalue()), expected)
