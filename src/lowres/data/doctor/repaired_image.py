"""The bytes of one image as a repaired copy has them: untouched wherever nothing is wrong."""

import cv2
import numpy as np

from lowres.data.doctor.image_checks import ImageFacts
from lowres.data.images import FORMATS, decode_photo, decode_rgb, read_header
from lowres.data.labelled_images import encode_png

_WRITTEN_ANEW = {"cmyk", "sixteen_bits", "alpha", "several_pictures"}
_QUALITY = 95


def repaired_image(
    encoded: bytes, facts: ImageFacts, stated_wh_px: tuple[int, int] | None
) -> tuple[bytes, str, tuple[int, int], str]:
    """Bytes, suffix, width and height, and what was done ("" for nothing).

    A picture whose annotations state the turned size is turned as its EXIF data say. Otherwise EXIF is taken away from
    JPEGs without touching a pixel. What must be encoded anew stays JPEG if it was, at quality 95; all else is PNG.
    """
    assert facts.wh_px is not None
    kind, width, height = read_header(encoded)
    kinds = {name for name, _ in facts.faults}
    if explained_by_exif(facts, stated_wh_px):
        pixels = decode_photo(encoded)
        return *_encode(pixels, kind), (height, width), f"turned by EXIF orientation {facts.orientation}"
    anew = sorted(kinds & _WRITTEN_ANEW)
    if anew or ("exif_rotated" in kinds and kind != "JPEG"):
        done = ", ".join(anew or ["exif_rotated"])
        return *_encode(decode_rgb(encoded), kind), (width, height), f"encoded anew: {done}"
    if "exif_rotated" in kinds:
        return without_exif(encoded), FORMATS[kind], (width, height), "EXIF data removed, pixels untouched"
    return encoded, FORMATS[kind], (width, height), ""


def explained_by_exif(facts: ImageFacts, stated_wh_px: tuple[int, int] | None) -> bool:
    """Whether the stated size is that of the picture as a viewer turns it."""
    differs = facts.wh_px is not None and stated_wh_px not in (None, facts.wh_px)
    return differs and facts.orientation >= 5 and stated_wh_px == (facts.wh_px or (0, 0))[::-1]


def without_exif(jpeg: bytes) -> bytes:
    """The JPEG without its EXIF segments (APP1); all else byte for byte."""
    kept, place = [jpeg[:2]], 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF and jpeg[place + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[place + 2 : place + 4])
        if not (jpeg[place + 1] == 0xE1 and jpeg[place + 4 : place + 8] == b"Exif"):
            kept.append(jpeg[place : place + length])
        place += length
    return b"".join([*kept, jpeg[place:]])


def _encode(pixels: np.ndarray, kind: str) -> tuple[bytes, str]:
    if kind not in ("JPEG", "MPO"):
        return encode_png(pixels), ".png"
    done, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return encoded.tobytes(), ".jpg"
