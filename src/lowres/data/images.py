"""From a file's bytes to RGB pixels, and the checks before: what it claims to be, how large, whether it is whole.

Two decoders on purpose. Pillow reads headers without decoding (a decompression bomb is refused at the cost of its
first bytes). OpenCV decodes during training, because it is faster. Both must read an image before it is packed: each
passes some damage that the other refuses, and OpenCV 4 fills a cut-off JPEG with grey. What either raises means that
the image is damaged (`from_decoder`).

Orientation: where there are boxes, the EXIF tag is IGNORED. COCO's boxes are in pixels of the array as stored, and an
annotation that was drawn on the rotated picture shows itself in a swapped width and height, which `check_image`
refuses. Images of one class each, and what is predicted on, are turned as a viewer turns them (`decode_upright`).
A TIFF is the exception: both decoders turn it as its tag says, and that is its size and its pixels as stored.
Transparency is dropped, not blended; grey, palette, CMYK and 16-bit images become 8-bit RGB.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lowres.data.decoding_cost import decoding_bytes, png_chunks
from lowres.data.memory_budget import LARGE_BYTES, give_back_what_is_free

FORMATS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif", "PPM": ".ppm"}
"""What is read, by Pillow's name, and the suffix under which it is packed."""

READABLE = [name for name in FORMATS if name != "MPO"]  # Pillow reaches MPO (several pictures) through JPEG
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F")  # Pillow's names of modes without colour
MAX_DECODING_BYTES = 400_000_000
"""What one image may take in memory while it is read: in most formats as much as 64 million pixels do."""

Result = TypeVar("Result")


class BadImageError(ValueError):
    """An image that is not read; `reason` is one of a few short phrases to count by, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


def from_decoder(call: Callable[[], Result], *, reason: str = "truncated or damaged", told: str = "") -> Result:
    """What Pillow or OpenCV give. `call` is one call of theirs and nothing of ours, whose faults would be hidden.

    Decoders promise no kinds of exceptions: damaged bytes have made Pillow raise OverflowError, TypeError, struct.error
    and more, and a list of them was never whole. Whatever comes out of the one call, the bytes made it.

    Raises:
        BadImageError: with `reason`, and with `told` or else what the decoder says.
    """
    try:
        return call()
    except MemoryError as error:
        raise BadImageError("too much memory", "the decoder asks for more than there is") from error
    except Image.DecompressionBombError as error:
        raise BadImageError("too many pixels", str(error)) from error
    except Exception as error:
        raise BadImageError(reason, told or (str(error).strip() or type(error).__name__).splitlines()[-1]) from error


def opened(encoded: bytes) -> Image.Image:
    """The image by its header, nothing of it decoded.

    Raises:
        BadImageError: the bytes are no image of a known format, or claim an absurd size.
    """
    told = f"{len(encoded)} bytes starting with {encoded[:8]!r}; JPEG, PNG, WebP, BMP, TIFF and PPM are read"
    return from_decoder(lambda: Image.open(io.BytesIO(encoded), formats=READABLE), reason="not an image", told=told)


def read_header(encoded: bytes) -> tuple[str, int, int]:
    """Format, width and height in pixels as stored, from the first bytes; nothing is decoded. Raises as `opened`."""
    image = opened(encoded)
    return str(image.format), image.width, image.height


def memory_to_decode(encoded: bytes) -> int | None:
    """Bytes that `checked_image` takes beside those of the file, from its first bytes; None where they are no header.

    What takes more than is allowed is not decoded and so takes nothing.
    """
    try:
        needed = decoding_bytes(opened(encoded), encoded)
    except BadImageError:
        return None
    return needed if needed <= MAX_DECODING_BYTES else 0


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
    on_loaded: Callable[[Image.Image], None] = lambda image: None,
) -> CheckedImage:
    """The image, its pixels as stored or, where `upright`, turned as its EXIF data say.

    The header comes first, so that nothing over `max_pixels` or `MAX_DECODING_BYTES` is ever decoded. `expected_wh_px`
    is the size its annotations state, or None. `on_loaded` gets what Pillow has decoded, before that is let go.

    Raises:
        BadImageError: with the reason and the numbers.
    """
    kind, (width, height), grey = _read_by_pillow(encoded, expected_wh_px, min_side_px, max_pixels, on_loaded)
    if 4 * width * height >= LARGE_BYTES:
        give_back_what_is_free()
    pixels = decode_upright(encoded) if upright else decode_rgb(encoded)
    if pixels.shape[:2] != (height, width) and not (upright and pixels.shape[:2] == (width, height)):
        raise BadImageError("truncated or damaged", "header and pixels disagree on the size")
    return CheckedImage(kind, (width, height), grey, pixels)


def _read_by_pillow(
    encoded: bytes,
    expected_wh_px: tuple[int, int] | None,
    min_side_px: int,
    max_pixels: float,
    on_loaded: Callable[[Image.Image], None],
) -> tuple[str, tuple[int, int], bool]:
    """Format, size as stored and whether it is grey. All that Pillow holds is let go before OpenCV begins."""
    image = opened(encoded)
    try:
        wh_px = (image.width, image.height)
        _check_size(wh_px, expected_wh_px, min_side_px, max_pixels)
        _check_cost(image, encoded)
        from_decoder(image.load)
        on_loaded(image)
        return str(image.format), wh_px, image.mode in _GREY_MODES
    finally:
        image.close()  # also where an exception keeps this frame alive


def _check_size(
    wh_px: tuple[int, int], expected_wh_px: tuple[int, int] | None, min_side_px: int, max_pixels: float
) -> None:
    width, height = wh_px
    if width * height > max_pixels:
        raise BadImageError("too many pixels", f"{width}x{height}, max_pixels is {max_pixels:.0f}")
    if min(width, height) < min_side_px:
        raise BadImageError("too small", f"{width}x{height}, min_side_px is {min_side_px}")
    if expected_wh_px is not None and expected_wh_px != wh_px:
        raise BadImageError("size differs", size_difference(expected_wh_px, wh_px))


def _check_cost(image: Image.Image, encoded: bytes) -> None:
    _check_chunks(image, encoded)
    needed = decoding_bytes(image, encoded)
    if needed > MAX_DECODING_BYTES:
        what = f"{image.width}x{image.height} {image.format}"
        told = f"{needed / 1e6:.0f} MB to decode {what}, {MAX_DECODING_BYTES / 1e6:.0f} are allowed"
        raise BadImageError("too much memory", told)


def _check_chunks(image: Image.Image, encoded: bytes) -> None:
    """Refuse a PNG with a chunk longer than its file: OpenCV 5 makes room for what it claims, up to 4 GB."""
    longest = max((length for _, length in png_chunks(encoded)), default=0) if image.format == "PNG" else 0
    if longest > len(encoded):
        raise BadImageError("truncated or damaged", f"a chunk of {longest} bytes in a file of {len(encoded)}")


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
    image = opened(encoded)
    if image.width * image.height > max_pixels:
        raise BadImageError("too many pixels", f"{image.width}x{image.height}, the limit is {max_pixels:.0f}")
    _check_chunks(image, encoded)
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


def decode_grey(encoded: bytes) -> UInt8[np.ndarray, "h w"]:
    """The grey levels as stored, 8 bits, of an image that nobody has checked.

    Raises:
        BadImageError: it cannot be read, or decoding it takes over `MAX_DECODING_BYTES`.
    """
    _check_cost(opened(encoded), encoded)
    return _from_opencv(encoded, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)


def _decode(encoded: bytes | memoryview, flags: int) -> UInt8[np.ndarray, "h w 3"]:
    bgr = _from_opencv(encoded, flags)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)


def _from_opencv(encoded: bytes | memoryview, flags: int) -> np.ndarray:
    data = np.frombuffer(encoded, np.uint8)
    pixels = from_decoder(lambda: cv2.imdecode(data, flags))
    if pixels is None:
        raise BadImageError("truncated or damaged", "OpenCV cannot decode it")
    return pixels
