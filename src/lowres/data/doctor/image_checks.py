"""One image file: is it whole, what is unusual about it, and what does it look like in a few bytes.

Whether it is whole is asked of `lowres.data.images`, as packing does; nothing over its limits is ever decoded.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from PIL import Image, TiffImagePlugin

from lowres.data.decoding_cost import largest_tag
from lowres.data.doctor.looks import Looks, looks_of, pixel_digest
from lowres.data.images import BadImageError, checked_image, from_decoder, read_header

_ORIENTATION = 0x0112
_SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "MPO": (".jpg", ".jpeg", ".mpo"), "TIFF": (".tif", ".tiff")}
_REASONS = {
    "cannot be read": "cannot_be_read",
    "not an image": "not_an_image",
    "too many pixels": "too_many_pixels",
    "too much memory": "too_much_memory",
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


def inspect_image(
    encoded: bytes, *, name: str, min_side_px: int, max_pixels: float, upright: bool = False
) -> ImageFacts:
    """All that the checks need of one file; never raises for what the file holds.

    Where `upright`, it is looked at as its EXIF data turn it, which is then no fault.
    """
    try:
        _, width, height = read_header(encoded)
    except BadImageError as error:
        return ImageFacts(None, ((_REASONS[error.reason], str(error)),))
    traits: list[_Traits] = []
    try:
        found = checked_image(
            encoded,
            expected_wh_px=None,
            min_side_px=min_side_px,
            max_pixels=max_pixels,
            upright=upright,
            on_loaded=lambda image: traits.append(_Traits.of(image, encoded)),
        )
    except BadImageError as error:
        return ImageFacts((width, height), ((_REASONS[error.reason], str(error)),))
    faults = traits[0].faults(upright=upright)
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _SUFFIXES.get(found.kind, (f".{found.kind.lower()}", ".pgm" if found.kind == "PPM" else "")):
        faults.append(("wrong_suffix", f"{found.kind} in a file named {suffix or 'without suffix'}"))
    digest, looks = pixel_digest(found.pixels), looks_of(found.pixels)
    return ImageFacts((width, height), tuple(faults), traits[0].orientation, digest, looks)


@dataclass(frozen=True)
class _Traits:
    """What training changes about an image without asking; `several` says of other pictures in the file, or is ""."""

    mode: str
    bits: int
    transparent: bool
    orientation: int  # as EXIF counts, 1 is upright
    several: str

    @classmethod
    def of(cls, image: Image.Image, encoded: bytes) -> "_Traits":
        """What Pillow says of an image that it has loaded."""
        mode, bits = image.mode, _bits(image, encoded)
        transparent = mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        return cls(mode, bits, transparent, _orientation(image), _several(image))

    def faults(self, *, upright: bool) -> list[tuple[str, str]]:
        """As (kind, detail)."""
        found = []
        if self.mode == "CMYK":
            found.append(("cmyk", "four inks become red, green, blue"))
        if self.bits > 8:
            found.append(("sixteen_bits", f"{self.bits} bits per channel become 8"))
        if self.transparent:
            found.append(("alpha", f"mode {self.mode}"))
        if self.several:
            found.append(("several_pictures", self.several))
        if self.orientation != 1 and not upright:
            found.append(("exif_rotated", f"orientation {self.orientation}"))
        return found


def _bits(image: Image.Image, encoded: bytes) -> int:
    if image.format == "PNG":
        return encoded[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return largest_tag(image, TiffImagePlugin.BITSPERSAMPLE, 8)
    return 16 if image.mode.startswith(("I", "F")) else 8


def _orientation(image: Image.Image) -> int:
    try:
        value = from_decoder(lambda: image.getexif().get(_ORIENTATION, 1))
    except BadImageError:
        return 1  # the tag cannot be read: no viewer turns the image either
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _several(image: Image.Image) -> str:
    if not getattr(image, "is_animated", False):
        return ""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return "more than one"  # to count them Pillow reads them all: they may be damaged, or go on without end
    return f"{getattr(image, 'n_frames', 'several')} pictures"
