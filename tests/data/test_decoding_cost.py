import io
import struct

import pytest
from PIL import Image
from tests.data.odd_images import png_chunk, tiff_with_tile

from lowres.data.decoding_cost import decoding_bytes

WIDTH, HEIGHT = 60, 44  # 8 x 6 blocks of a JPEG, the last ones not full; 4 x 3 units of 16
PIXELS = WIDTH * HEIGHT


def encoded(kind, mode="RGB", **options):
    buffer = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT), 3).save(buffer, kind, **options)
    return buffer.getvalue()


def cost(data):
    return decoding_bytes(Image.open(io.BytesIO(data)), data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "PPM"])
def test_most_formats_take_as_much_as_opencv_does(kind):
    assert cost(encoded(kind)) == pytest.approx(6.1 * PIXELS, abs=1)


@pytest.mark.parametrize(
    ("mode", "subsampling", "blocks"),
    [("RGB", 0, 3 * 8 * 6), ("RGB", 2, 4 * 3 * (4 + 1 + 1)), ("CMYK", 0, 4 * 8 * 6), ("L", 0, 8 * 6)],
)
def test_a_progressive_jpeg_takes_all_of_its_coefficients_too(mode, subsampling, blocks):
    data = encoded("JPEG", mode, progressive=True, subsampling=subsampling)
    assert cost(data) == max(4 * PIXELS + 2 * 64 * blocks, int(6.1 * PIXELS))


def test_so_does_a_jpeg_that_has_its_colours_one_after_the_other():
    data = bytearray(encoded("JPEG", subsampling=0))
    scan = data.index(b"\xff\xda\0\x0c\x03")
    data[scan : scan + 14] = b"\xff\xda\0\x08\x01" + data[scan + 5 : scan + 7] + b"\0\x3f\0"
    assert cost(bytes(data)) == 4 * PIXELS + 2 * 64 * 3 * 8 * 6


def test_scans_are_looked_for_behind_the_thumbnail_in_its_metadata():
    thumbnail = encoded("JPEG", progressive=True)
    assert cost(encoded("JPEG", exif=b"Exif\0\0" + thumbnail)) == pytest.approx(6.1 * PIXELS, abs=1)


def test_a_jpeg_that_ends_before_its_first_scan_is_taken_for_the_worst():
    data = encoded("JPEG", subsampling=0)
    assert cost(data[: data.index(b"\xff\xda")]) == 4 * PIXELS + 2 * 64 * 3 * 8 * 6


def test_webp_takes_three_buffers_and_an_image():
    assert cost(encoded("WEBP")) == pytest.approx(16.1 * PIXELS, abs=1)


def test_an_animated_png_is_known_by_its_chunk_before_the_pixels():
    control = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    sound = encoded("PNG")
    pixels, end = sound.index(b"IDAT") - 4, sound.index(b"IEND") - 4
    assert cost(sound[:pixels] + control + sound[pixels:]) == pytest.approx(12.1 * PIXELS, abs=1)
    assert cost(sound[:end] + control + sound[end:]) == pytest.approx(6.1 * PIXELS, abs=1)


@pytest.mark.parametrize(
    ("mode", "options", "each"),
    [
        ("RGB", {"strip_size": 4 * WIDTH * 3, "compression": "tiff_lzw"}, 6.1),
        ("RGB", {"strip_size": 1 << 20}, 4 + 4),
        ("RGBA", {"strip_size": 1 << 20}, 4 + 4),
        ("I;16", {"strip_size": 1 << 20}, 4 + 4),
        ("RGB", {"strip_size": 1 << 20, "compression": "jpeg"}, 4 + 4 + 2 * 3),
        ("L", {"strip_size": 4 * WIDTH, "compression": "tiff_lzw", "tiffinfo": {274: 6}}, 4 + 4),
    ],
)
def test_a_tiff_takes_its_largest_strip_too_and_a_copy_to_be_turned(mode, options, each):
    assert cost(encoded("TIFF", mode, **options)) == pytest.approx(each * PIXELS, abs=1)


def test_a_tile_of_a_tiff_counts_whole_however_small_the_image_is():
    assert cost(tiff_with_tile(8, 8, 10_000)) == pytest.approx(4e8, rel=1e-5)


@pytest.mark.parametrize("data", [b"P3 2 2 255\n" + b"1 " * 12, b"P6 2 2 100\n" + bytes(12)])
def test_ppm_in_text_or_with_other_scales_takes_a_bytearray_too(data):
    assert cost(data) == 4 * 11
