"""One image file: is it whole, what is unusual about it, and what does it look like in a few bytes.

Whether it is whole is asked of `lowres.data.images`, as packing does; nothing over `max_pixels` is ever decoded.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from lowres.data.doctor.looks import Looks, looks_of, pixel_digest
from lowres.data.images import READABLE, BadImageError, checked_image, read_header

_ORIENTATION = 0x0112
_SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "MPO": (".jpg", ".jpeg", ".mpo"), "TIFF": (".tif", ".tiff")}
_REASONS = {
    "cannot be read": "cannot_be_read",
    "not an image": "not_an_image",
    "too many pixels": "too_many_pixels",
    "too small": "too_small",
    "truncated or damaged": "truncated",
}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What one file is. `faults` are (kind, detail) of `findings.KINDS`; `looks` is None where it cannot be decoded."""

    wh_px: tuple[int, int] | None
    faults: tuple[tuple[str, str], ...]
    orientation: int = 1
    pixel_hash: bytes = b""
    looks: Looks | None = None

    @property
    def whole(self) -> bool:
        """Whether it was decoded to the last pixel."""
        return self.looks is not None


def header_px(encoded: bytes) -> int:
    """Pixels that the header claims; 0 where there is none to be read."""
    try:
        _, width, height = read_header(encoded)
    except BadImageError:
        return 0
    return width * height


def inspect_image(
    encoded: bytes, *, name: str, min_side_px: int, max_pixels: float, upright: bool = False
) -> ImageFacts:
    """All that the checks need of one file; never raises for what the file holds.

    Where `upright`, it is looked at as its EXIF data turn it, which is then no fault.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        try:
            _, width, height = read_header(encoded)
        except BadImageError as error:
            return ImageFacts(None, ((_REASONS[error.reason], str(error)),))
        try:
            found = checked_image(
                encoded, expected_wh_px=None, min_side_px=min_side_px, max_pixels=max_pixels, upright=upright
            )
        except BadImageError as error:
            return ImageFacts((width, height), ((_REASONS[error.reason], str(error)),))
        faults, orientation = _traits(encoded, upright=upright)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _SUFFIXES.get(found.kind, (f".{found.kind.lower()}", ".pgm" if found.kind == "PPM" else "")):
        faults.append(("wrong_suffix", f"{found.kind} in a file named {suffix or 'without suffix'}"))
    digest, looks = pixel_digest(found.pixels), looks_of(found.pixels)
    return ImageFacts((width, height), tuple(faults), orientation, digest, looks)


def _traits(encoded: bytes, *, upright: bool) -> tuple[list[tuple[str, str]], int]:
    """What training changes about the image without asking, and the EXIF orientation (1 is upright)."""
    faults = []
    with Image.open(io.BytesIO(encoded), formats=READABLE) as image:
        mode = image.mode
        if mode == "CMYK":
            faults.append(("cmyk", "four inks become red, green, blue"))
        bits = _bits(image, encoded)
        if bits > 8:
            faults.append(("sixteen_bits", f"{bits} bits per channel become 8"))
        if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
            faults.append(("alpha", f"mode {mode}"))
        count = getattr(image, "n_frames", 1)
        if count > 1:
            faults.append(("several_pictures", f"{count} pictures"))
        orientation = _orientation(image)
    if orientation != 1 and not upright:
        faults.append(("exif_rotated", f"orientation {orientation}"))
    return faults, orientation


def _bits(image: Image.Image, encoded: bytes) -> int:
    if image.format == "PNG":
        return encoded[24]
    if image.format == "TIFF":
        return int(np.max(image.tag_v2.get(258, 8)))  # pyright: ignore[reportAttributeAccessIssue]
    return 16 if image.mode.startswith(("I", "F")) else 8


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, EOFError):
        return 1  # the tag cannot be read: no viewer turns the image either
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
