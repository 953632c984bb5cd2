import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.data.odd_images import STRIP_OFFSETS, big_tiff_pointing_beyond, png_claiming_chunk, tiff_with_tile

from lowres.data import images
from lowres.data.images import (
    BadImageError,
    check_image,
    checked_image,
    decode_grey,
    decode_photo,
    decode_rgb,
    from_decoder,
    memory_to_decode,
    read_header,
)


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def smooth(width=40, height=24):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([6 * x, 9 * y, 3 * (x + y)], axis=2).astype(np.uint8)


def check(encoded, **options):
    return check_image(encoded, **({"expected_wh_px": None, "min_side_px": 1, "max_pixels": 1e6} | options))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_decode_to_the_same_rgb(kind):
    assert np.array_equal(decode_rgb(encode(Image.fromarray(smooth()), kind)), smooth())


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpeg_become_rgb_as_pillow_reads_them(mode):
    encoded = encode(Image.fromarray(smooth()).convert(mode), "JPEG", quality=95)
    reference = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), int)
    assert np.abs(decode_rgb(encoded) - reference).max() <= 3
    assert check(encoded) == ("JPEG", 40, 24)


@pytest.mark.parametrize("mode", ["LA", "P", "1", "I;16"])
def test_other_png_modes_become_8_bit_rgb(mode):
    if mode == "I;16":
        image = Image.fromarray(smooth()[..., 0].astype(np.uint16) * 257)
        expected = np.repeat(smooth()[..., :1], 3, axis=2)
    else:
        image = Image.fromarray(smooth()).convert(mode)
        expected = np.asarray(image.convert("RGB"))
    assert np.abs(decode_rgb(encode(image, "PNG")).astype(int) - expected).max() <= 1


def test_transparency_is_dropped_not_blended():
    rgba = np.dstack([smooth(), np.zeros((24, 40), np.uint8)])
    assert np.array_equal(decode_rgb(encode(Image.fromarray(rgba), "PNG")), smooth())


def test_exif_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    encoded = encode(Image.fromarray(smooth()), "JPEG", exif=exif, quality=95)
    assert decode_rgb(encoded).shape == (24, 40, 3)
    assert check(encoded) == ("JPEG", 40, 24)
    with pytest.raises(
        BadImageError, match=r"annotations say 24x40, the file is 40x24 \(drawn on an EXIF-rotated view"
    ):
        check(encoded, expected_wh_px=(24, 40))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_file_is_refused(kind, share, picture):
    encoded = encode(Image.fromarray(picture(64, 48)), kind)
    assert check(encoded)[1:] == (64, 48)
    with pytest.raises(BadImageError) as caught:
        check(encoded[: int(share * len(encoded))])
    assert caught.value.reason in ("truncated or damaged", "not an image")


def test_damage_that_only_pillow_notices_is_refused(picture):
    encoded = encode(Image.fromarray(picture(32, 24)), "JPEG")[:-1] + b"\xd8"  # the end marker's last byte
    assert decode_rgb(encoded).shape == (24, 32, 3)
    with pytest.raises(BadImageError, match="truncated or damaged"):
        check(encoded)


@pytest.mark.parametrize("encoded", [b"", b"\0" * 100, b"<html>404</html>", b"\xff\xd8\xff", b"GIF89a\1\0\1\0\0\0\0;"])
def test_what_is_no_image_is_refused(encoded):
    with pytest.raises(BadImageError, match="not an image") as caught:
        check(encoded)
    assert "\n" not in str(caught.value)


def bomb(side):
    """A PNG that claims side x side pixels in a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 10_000, 15_000, 60_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb_is_refused_before_decoding(side, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadImageError) as caught:
        check(bomb(side), max_pixels=64e6)
    assert caught.value.reason == "too many pixels"


def test_limits_are_inclusive():
    encoded = encode(Image.fromarray(smooth()), "PNG")
    check(encoded, min_side_px=24, max_pixels=960, expected_wh_px=(40, 24))
    with pytest.raises(BadImageError, match="too small: 40x24, min_side_px is 25"):
        check(encoded, min_side_px=25)
    with pytest.raises(BadImageError, match="too many pixels: 40x24, max_pixels is 959"):
        check(encoded, max_pixels=959)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged metadata
def test_damaged_bytes_are_read_or_refused_and_never_anything_else(picture):
    rng = np.random.default_rng(0)
    outcomes = set()
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        whole = np.frombuffer(encode(Image.fromarray(picture(32, 24)), kind), np.uint8)
        for _ in range(150):
            damaged = whole.copy()
            places = rng.integers(0, min(len(damaged), rng.choice([60, 10_000])), rng.integers(1, 6))
            damaged[places] = rng.integers(0, 256, len(places))
            try:
                check(damaged.tobytes())
                outcomes.add("read")
            except BadImageError as error:
                outcomes.add(error.reason)
    assert {"read", "not an image", "truncated or damaged"} <= outcomes


def test_header_is_read_without_the_rest(picture):
    encoded = encode(Image.fromarray(picture(300, 200)), "JPEG")
    assert read_header(encoded[:800]) == ("JPEG", 300, 200)


def test_a_photo_is_turned_as_its_exif_data_say_and_annotated_data_are_not():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    encoded = encode(Image.fromarray(smooth()), "PNG", exif=exif)
    assert np.array_equal(decode_rgb(encoded), smooth())
    assert np.array_equal(decode_photo(encoded), np.rot90(smooth(), -1))


def test_an_image_is_checked_as_stored_or_upright_and_has_its_size_as_stored():
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = encode(Image.fromarray(smooth()), "PNG", exif=exif)
    for upright, expected in ((False, smooth()), (True, np.rot90(smooth(), -1))):
        found = checked_image(encoded, expected_wh_px=(40, 24), min_side_px=1, max_pixels=1e6, upright=upright)
        assert np.array_equal(found.pixels, expected)
        assert found.stored_wh_px == (40, 24)


@pytest.mark.parametrize(
    ("mode", "kind", "grey"),
    [
        ("L", "JPEG", True),
        ("L", "PNG", True),
        ("LA", "PNG", True),
        ("1", "PNG", True),
        ("I;16", "PNG", True),
        ("L", "TIFF", True),
        ("L", "PPM", True),
        ("RGB", "JPEG", False),
        ("CMYK", "JPEG", False),
        ("P", "PNG", False),
        ("RGBA", "PNG", False),
    ],
)
def test_grey_is_what_has_no_colours_in_its_file(mode, kind, grey):
    image = Image.fromarray(np.arange(960, dtype=np.uint16).reshape(24, 40)) if mode == "I;16" else None
    encoded = encode(image or Image.fromarray(smooth()).convert(mode), kind)
    assert checked_image(encoded, expected_wh_px=None, min_side_px=1, max_pixels=1e6).grey is grey


def test_a_photo_over_the_limit_is_refused_before_it_is_decoded(monkeypatch):
    encoded = encode(Image.fromarray(smooth()), "PNG")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadImageError, match="too many pixels"):
        decode_photo(encoded, max_pixels=40 * 24 - 1)


@pytest.mark.parametrize(
    "error", [OverflowError("too large"), TypeError("Missing dimensions"), struct.error("4 bytes")]
)
def test_whatever_a_decoder_raises_means_damage_in_one_line(error):
    def call():
        raise error

    with pytest.raises(BadImageError, match=f"^truncated or damaged: {error}$") as caught:
        from_decoder(call)
    assert caught.value.__cause__ is error


def test_a_decoder_that_has_no_memory_says_so():
    def call():
        raise MemoryError

    with pytest.raises(BadImageError, match="too much memory: the decoder asks for more than there is"):
        from_decoder(call)


def test_a_fault_of_ours_while_an_image_is_read_is_not_taken_for_damage():
    def ours(image):
        raise TypeError("ours")

    with pytest.raises(TypeError, match="ours"):
        checked_image(
            encode(Image.fromarray(smooth()), "PNG"), expected_wh_px=None, min_side_px=1, max_pixels=1e6, on_loaded=ours
        )


def test_an_offset_beyond_any_file_is_damage():
    encoded = big_tiff_pointing_beyond(encode(Image.fromarray(smooth()), "TIFF", big_tiff=True), STRIP_OFFSETS)
    with pytest.raises(BadImageError, match="truncated or damaged"):
        check(encoded)


@pytest.mark.parametrize("read", [check, decode_photo, decode_grey])
def test_a_chunk_longer_than_its_file_is_refused_before_room_is_made_for_it(read, monkeypatch):
    encoded = png_claiming_chunk(encode(Image.fromarray(smooth()), "PNG"), (1 << 31) - 1)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadImageError, match=r"truncated or damaged: a chunk of 2147483647 bytes in a file of \d+$"):
        read(encoded)


COSTLY = {
    "webp": lambda: encode(Image.fromarray(smooth()), "WEBP"),
    "progressive": lambda: encode(Image.fromarray(smooth()), "JPEG", progressive=True, subsampling=0),
    "animation": lambda: encode(
        Image.fromarray(smooth()), "PNG", save_all=True, append_images=[Image.new("RGB", (40, 24))]
    ),
    "one strip": lambda: encode(Image.fromarray(smooth()), "TIFF"),
    "large tile": lambda: tiff_with_tile(24, 48),
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_takes_more_memory_than_a_plain_image_is_counted_before_it_is_decoded(name, monkeypatch):
    plain, costly = encode(Image.fromarray(smooth()), "PNG"), COSTLY[name]()
    needed = memory_to_decode(costly)
    monkeypatch.setattr(images, "MAX_DECODING_BYTES", needed)
    check(costly)
    monkeypatch.setattr(images, "MAX_DECODING_BYTES", needed - 1)
    assert memory_to_decode(costly) == 0
    check(plain)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadImageError, match=r"^too much memory: 0 MB to decode \d+x24 \w+, 0 are allowed$") as caught:
        check(costly)
    assert caught.value.reason == "too much memory"


def test_a_plain_image_of_64_megapixels_is_allowed_and_a_webp_of_25_is_not():
    """Headers alone: what they cost is measured by `make test-doctor`."""
    assert 0 < memory_to_decode(bomb(8000)) <= images.MAX_DECODING_BYTES
    webp = bytearray(encode(Image.new("RGB", (1, 1)), "WEBP", lossless=True))
    start = webp.index(b"VP8L") + 9
    webp[start : start + 4] = struct.pack("<I", (4999) | (4999 << 14))
    assert read_header(bytes(webp)) == ("WEBP", 5000, 5000)
    assert memory_to_decode(bytes(webp)) == 0
