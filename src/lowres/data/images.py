"""From a file's bytes to RGB pixels, and the checks before: what it claims to be, how large, whether it is whole.

Two decoders on purpose. Pillow reads headers without decoding (a decompression bomb is refused at the cost of its
first bytes). OpenCV decodes during training, because it is faster. Both must read an image before it is packed: each
passes some damage that the other refuses, and OpenCV 4 fills a cut-off JPEG with grey.

Orientation: where there are boxes, the EXIF tag is IGNORED. COCO's boxes are in pixels of the array as stored, and an
annotation that was drawn on the rotated picture shows itself in a swapped width and height, which `check_image`
refuses. Images of one class each, and what is predicted on, are turned as a viewer turns them (`decode_upright`).
Transparency is dropped, not blended; grey, palette, CMYK and 16-bit images become 8-bit RGB.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

FORMATS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif", "PPM": ".ppm"}
"""What is read, by Pillow's name, and the suffix under which it is packed."""

READABLE = [name for name in FORMATS if name != "MPO"]  # Pillow reaches MPO (several pictures) through JPEG
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")  # Pillow's names of modes without colour
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)  # what Pillow raises


class BadImageError(ValueError):
    """An image that is not read; `reason` is one of a few short phrases to count by, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


def read_header(encoded: bytes) -> tuple[str, int, int]:
    """Format, width and height in pixels as stored, from the first bytes; nothing is decoded.

    Raises:
        BadImageError: the bytes are no image of a known format, or claim an absurd size.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=READABLE) as image:
            return str(image.format), image.width, image.height
    except Image.DecompressionBombError as error:
        raise BadImageError("too many pixels", str(error)) from error
    except _BROKEN as error:
        what = f"{len(encoded)} bytes starting with {encoded[:8]!r}"
        raise BadImageError("not an image", f"{what}; JPEG, PNG, WebP, BMP, TIFF and PPM are read") from error


def check_image(
    encoded: bytes,
    *,
    expected_wh_px: tuple[int, int] | None,
    min_side_px: int,
    max_pixels: float,
) -> tuple[str, int, int]:
    """Read an image fully, as training will, and return its format, width and height; see `checked_image`."""
    found = checked_image(encoded, expected_wh_px=expected_wh_px, min_side_px=min_side_px, max_pixels=max_pixels)
    return found.kind, *found.stored_wh_px


@dataclass(frozen=True)
class CheckedImage:
    """An image that two decoders read whole: its format, and whether the file has grey levels alone."""

    kind: str
    stored_wh_px: tuple[int, int]
    grey: bool
    pixels: UInt8[np.ndarray, "h w 3"]


def checked_image(
    encoded: bytes,
    *,
    expected_wh_px: tuple[int, int] | None,
    min_side_px: int,
    max_pixels: float,
    upright: bool = False,
) -> CheckedImage:
    """The image, its pixels as stored or, where `upright`, turned as its EXIF data say.

    The header comes first, so that nothing over `max_pixels` is ever decoded. `expected_wh_px` is the size its
    annotations state, or None.

    Raises:
        BadImageError: with the reason and the numbers.
    """
    kind, width, height = read_header(encoded)
    if width * height > max_pixels:
        raise BadImageError("too many pixels", f"{width}x{height}, max_pixels is {max_pixels:.0f}")
    if min(width, height) < min_side_px:
        raise BadImageError("too small", f"{width}x{height}, min_side_px is {min_side_px}")
    if expected_wh_px is not None and expected_wh_px != (width, height):
        raise BadImageError("size differs", size_difference(expected_wh_px, (width, height)))
    grey = _mode_read_by_pillow(encoded) in _GREY_MODES
    pixels = decode_upright(encoded) if upright else decode_rgb(encoded)
    if pixels.shape[:2] != (height, width) and not (upright and pixels.shape[:2] == (width, height)):
        raise BadImageError("truncated or damaged", "header and pixels disagree on the size")
    return CheckedImage(kind, (width, height), grey, pixels)


def _mode_read_by_pillow(encoded: bytes) -> str:
    try:
        with Image.open(io.BytesIO(encoded), formats=READABLE) as image:
            image.load()
            image.close()  # frees the pixels now, before OpenCV makes others; leaving the block does not
            return image.mode
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise BadImageError("truncated or damaged", str(error)) from error


def size_difference(stated_wh_px: tuple[int, int], wh_px: tuple[int, int]) -> str:
    """In words: what the annotations say, what the file has, and what may be behind it."""
    stated = f"annotations say {stated_wh_px[0]}x{stated_wh_px[1]}, the file is {wh_px[0]}x{wh_px[1]}"
    turned = " (drawn on an EXIF-rotated view?)" if stated_wh_px == wh_px[::-1] else ""
    return stated + turned


def decode_photo(encoded: bytes, *, max_pixels: float = 200e6) -> UInt8[np.ndarray, "h w 3"]:
    """As `decode_upright`, for an image that nobody has checked.

    Raises:
        BadImageError: it cannot be read, or has over `max_pixels`, which is found out before anything is decoded.
    """
    _, width, height = read_header(encoded)
    if width * height > max_pixels:
        raise BadImageError("too many pixels", f"{width}x{height}, the limit is {max_pixels:.0f}")
    return decode_upright(encoded)


def decode_upright(encoded: bytes | memoryview) -> UInt8[np.ndarray, "h w 3"]:
    """The image's pixels as a viewer shows them, turned as its EXIF data say, 8-bit RGB.

    Raises:
        BadImageError: OpenCV cannot read it.
    """
    return _decode(encoded, cv2.IMREAD_COLOR)


def decode_rgb(encoded: bytes | memoryview) -> UInt8[np.ndarray, "h w 3"]:
    """The image's pixels as stored, which is what boxes refer to, 8-bit RGB.

    Raises:
        BadImageError: OpenCV cannot read it.
    """
    return _decode(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def _decode(encoded: bytes | memoryview, flags: int) -> UInt8[np.ndarray, "h w 3"]:
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error as error:
        raise BadImageError("truncated or damaged", str(error).strip().splitlines()[-1]) from error
    if bgr is None:
        raise BadImageError("truncated or damaged", "OpenCV cannot decode it")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)
