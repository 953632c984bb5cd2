"""How much memory decoding an image takes, told from its header: a small file may ask for gigabytes.

What Pillow and OpenCV hold at once at their worst was measured with Pillow 13.0 and OpenCV 5.0 (`make test-doctor`
repeats it). OpenCV's three bytes a pixel are copied once on their way to numpy; Pillow has up to four. Some formats
add to that, each in its own way.
"""

import math
from collections.abc import Iterator

from PIL import Image, TiffImagePlugin

_ANY = 6.1  # bytes a pixel: OpenCV's, twice
_PILLOW = 4
_WEBP = 16.1  # Pillow reads every WebP as an animation, with three more buffers of RGBA
_ANIMATED_PNG = 12.1  # OpenCV composes also the first picture in RGBA
_PPM = 11  # Pillow reads text, and all whose largest value is not 255, into a bytearray that grows
_COEFFICIENT = 2  # bytes; of a JPEG in several scans all are kept until the last scan has come
_STRIP_PX = 4  # OpenCV has RGBA made of each strip or tile of a TIFF; Pillow takes as many bytes as are stored
_TIFF_JPEG = (6, 7)
_ORIENTATION = 274
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a JPEG that say what it has
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


def decoding_bytes(image: Image.Image, encoded: bytes) -> int:
    """Bytes beside those of the file; `image` is open and not decoded yet, `encoded` the file, or its beginning."""
    pixels = image.width * image.height
    most = _ANY * pixels
    if image.format in ("JPEG", "MPO") and _comes_in_several_scans(encoded):
        most = max(most, _PILLOW * pixels + _COEFFICIENT * _num_coefficients(image))
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        most = max(most, _PILLOW * pixels + _tiff_bytes(image))
    elif image.format == "WEBP":
        most = _WEBP * pixels
    elif image.format == "PNG" and _is_animated_png(encoded):
        most = _ANIMATED_PNG * pixels
    elif image.format == "PPM" and any(tile.codec_name != "raw" for tile in image.tile):  # pyright: ignore[reportAttributeAccessIssue]
        most = _PPM * pixels
    return math.ceil(most)


def _comes_in_several_scans(jpeg: bytes) -> bool:
    """Whether it is progressive, or has its colours one after the other; also where that is not found out."""
    place, progressive, colours = 2, False, 0
    while place >= 0 and place + 10 <= len(jpeg):
        marker = jpeg[place + 1]
        if jpeg[place] != 0xFF:
            place = jpeg.find(b"\xff", place)
        elif marker == 0xFF:
            place += 1
        elif marker <= 1 or 0xD0 <= marker <= 0xD8:  # stands alone
            place += 2
        elif marker == 0xDA:
            return progressive or jpeg[place + 4] < colours
        else:
            if marker in _FRAMES:
                progressive, colours = marker in _PROGRESSIVE, jpeg[place + 9]
            place += 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return True


def _num_coefficients(image: Image.Image) -> int:
    """Of all colours of a JPEG: blocks of 64, as many to a unit as the colour is sampled across and down."""
    sampled = [(across, down) for _, across, down, _ in image.layer]  # pyright: ignore[reportAttributeAccessIssue]
    most_across, most_down = (max([1, *(side[axis] for side in sampled)]) for axis in (0, 1))
    units = math.ceil(image.width / (8 * most_across)) * math.ceil(image.height / (8 * most_down))
    return 64 * units * sum(across * down for across, down in sampled)


def _tiff_bytes(image: TiffImagePlugin.TiffImageFile) -> int:
    """The largest strip or tile, unpacked, or the picture again where Pillow turns it.

    A tile may be larger than its image, and both decoders fill all of it.
    """
    width, height = (
        largest_tag(image, TiffImagePlugin.IMAGEWIDTH, image.width),
        largest_tag(image, TiffImagePlugin.IMAGELENGTH, image.height),
    )
    strip_px = width * min(height, largest_tag(image, TiffImagePlugin.ROWSPERSTRIP, height))
    tile_px = largest_tag(image, TiffImagePlugin.TILEWIDTH, 0) * largest_tag(image, TiffImagePlugin.TILELENGTH, 0)
    samples = largest_tag(image, TiffImagePlugin.SAMPLESPERPIXEL, 1)
    each = max(_STRIP_PX, samples * largest_tag(image, TiffImagePlugin.BITSPERSAMPLE, 8) / 8)
    if largest_tag(image, TiffImagePlugin.COMPRESSION, 1) in _TIFF_JPEG:
        each += _COEFFICIENT * samples
    turned = _PILLOW * width * height if largest_tag(image, _ORIENTATION, 1) > 1 else 0
    return max(turned, math.ceil(each * (tile_px or strip_px)))


def largest_tag(image: TiffImagePlugin.TiffImageFile, number: int, default: int) -> int:
    """The largest whole number of a tag; the default where it has none over 0."""
    try:
        value = image.tag_v2.get(number)
    except Exception:  # noqa: BLE001 - Pillow unpacks a tag when it is asked for: see `images.from_decoder`
        return default
    numbers = [each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, int)]
    return max((each for each in numbers if each > 0), default=default)


def png_chunks(png: bytes) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk up to the end of the picture or of the bytes, as they are claimed."""
    place = 8
    while place + 8 <= len(png):
        name, length = png[place + 4 : place + 8], int.from_bytes(png[place : place + 4])
        yield name, length
        if name == b"IEND":
            return
        place += 12 + length


def _is_animated_png(png: bytes) -> bool:
    return next((name for name, _ in png_chunks(png) if name in (b"acTL", b"IDAT")), b"") == b"acTL"
