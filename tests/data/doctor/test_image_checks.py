import pytest
from tests.data.doctor.corpus import encoded, picture, rotated
from tests.data.odd_images import CUT_EXIF, jpeg_with_exif, png_with_exif

from lowres.data.doctor.image_checks import inspect_image


def inspected(content, name, **options):
    return inspect_image(content, name=name, min_side_px=1, max_pixels=1e6, **options)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (png_with_exif(encoded(picture(1)), CUT_EXIF), "x.png"),
        (jpeg_with_exif(encoded(picture(1), "JPEG", dpi=(72, 72)), CUT_EXIF), "x.jpg"),
    ],
)
def test_exif_data_that_cannot_be_read_turn_no_image(content, name):
    facts = inspected(content, name)
    assert facts.whole
    assert (facts.faults, facts.orientation) == ((), 1)


def test_a_tiff_is_turned_by_its_decoders_so_that_no_rotation_is_ignored():
    facts = inspected(rotated(6, "TIFF"), "x.tif")
    assert (facts.wh_px, facts.faults) == ((48, 64), ())


def test_an_image_is_decoded_by_pillow_once(monkeypatch):
    """Asking a PNG for its EXIF data decodes it, where that was not done before."""
    loads = []
    plain = encoded(picture(1))
    from PIL import PngImagePlugin

    load = PngImagePlugin.PngImageFile.load_prepare
    monkeypatch.setattr(
        PngImagePlugin.PngImageFile, "load_prepare", lambda image: (loads.append(image), load(image))[1]
    )
    assert inspected(plain, "x.png").whole
    assert len(loads) == 1
