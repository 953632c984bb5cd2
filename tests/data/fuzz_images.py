"""Damages image files at random: the decoders and the doctor read them, or refuse them in one line, and nothing else.

`python tests/data/fuzz_images.py --rounds 40000` is part of `make fuzz`; the suite runs a thousand.
"""

import argparse
import io
import random
import signal
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable

import numpy as np
from PIL import Image

from lowres.data.doctor.image_checks import ImageFacts, inspect_image
from lowres.data.images import BadImageError, checked_image, decode_photo, memory_to_decode

MAX_PIXELS = 1e6
_SIDES = (48, 40)
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    255,
    256,
    32767,
    65535,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 63,
    (1 << 64) - 1,
)
"""What stands in headers as width, depth, count, type or offset, and breaks them."""


def _picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : _SIDES[1], 0 : _SIDES[0]]
    smooth = np.stack([5 * x, 6 * y, 3 * (x + y)], axis=2) % 256
    return np.clip(smooth + rng.integers(0, 9, smooth.shape), 0, 255).astype(np.uint8)


def _encoded(kind: str, mode: str = "RGB", number: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    images = [Image.fromarray(_picture(seed)).convert(mode) for seed in range(number)]
    if number > 1:
        options |= {"save_all": True, "append_images": images[1:]}
    if kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        options["exif"] = exif
    buffer = io.BytesIO()
    images[0].save(buffer, kind, **options)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def sound_files() -> dict[str, bytes]:
    """Each format in several forms: one file of each."""
    depth = np.arange(_SIDES[0] * _SIDES[1], dtype=np.uint16).reshape(_SIDES[1], _SIDES[0]) * 34
    sixteen = io.BytesIO()
    Image.fromarray(depth).save(sixteen, "PNG")
    return {
        "JPEG": _encoded("JPEG", dpi=(72, 72)),
        "JPEG progressive": _encoded("JPEG", progressive=True, subsampling=0),
        "JPEG of four inks": _encoded("JPEG", "CMYK"),
        "MPO": _encoded("MPO", number=2),
        "PNG": _encoded("PNG"),
        "PNG with a palette": _encoded("PNG", "P", transparency=3),
        "PNG with alpha": _encoded("PNG", "RGBA"),
        "PNG of 16 bits": sixteen.getvalue(),
        "PNG animated": _encoded("PNG", number=2),
        "TIFF": _encoded("TIFF"),
        "TIFF of two pages": _encoded("TIFF", number=2),
        "TIFF deflated": _encoded("TIFF", compression="tiff_adobe_deflate"),
        "TIFF with LZW": _encoded("TIFF", "L", compression="tiff_lzw"),
        "TIFF with JPEG": _encoded("TIFF", compression="jpeg"),
        "BigTIFF": _encoded("TIFF", big_tiff=True),
        "WebP": _encoded("WEBP"),
        "WebP without loss": _encoded("WEBP", "RGBA", lossless=True),
        "WebP animated": _encoded("WEBP", number=2),
        "GIF": _encoded("GIF"),
        "BMP": _encoded("BMP"),
        "BMP with a palette": _encoded("BMP", "P"),
        "PPM": _encoded("PPM"),
    }


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The data after one to three flips, cuts, changed numbers of a header, or pieces moved elsewhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        # Half of the damage falls where the header is, a quarter at the end, where some have their directory.
        reach = rng.choice((64, 400, len(changed), -300))
        places = range(max(0, len(changed) + reach), len(changed)) if reach < 0 else range(min(reach, len(changed)))
        if not places:
            return bytes(changed)
        place = rng.choice(places)
        match rng.randrange(6):
            case 0:
                changed[place] ^= 1 << rng.randrange(8)
            case 1:
                changed[place] = rng.randrange(256)
            case 2:
                del changed[place:]
            case 3:
                del changed[place : place + rng.choice((1, 2, 4, 12))]
            case 4:
                size = rng.choice((1, 2, 4, 8))
                number = (rng.choice(_NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, rng.choice(("little", "big")))
                changed[place : place + size] = number
            case _:
                start = rng.randrange(len(changed))
                changed[place:place] = changed[start : start + rng.choice((1, 4, 20))]
    return bytes(changed)


def with_checksums(png: bytes) -> bytes:
    """A PNG whose damaged chunks have their checksums, without which no decoder looks into them."""
    changed, place = bytearray(png), 8
    while place + 12 <= len(png):
        end = place + 8 + int.from_bytes(png[place : place + 4])
        changed[end : end + 4] = zlib.crc32(png[place + 4 : end]).to_bytes(4) if end + 4 <= len(png) else b""
        place = end + 4
    return bytes(changed)


def _ways(data: bytes) -> dict[str, Callable[[], object]]:
    limits = {"min_side_px": 1, "max_pixels": MAX_PIXELS}
    return {
        "doctor": lambda: inspect_image(data, name="x.png", **limits),
        "doctor, classes": lambda: inspect_image(data, name="x.png", upright=True, **limits),
        "prepare": lambda: checked_image(data, expected_wh_px=None, **limits),
        "predict": lambda: decode_photo(data, max_pixels=MAX_PIXELS),
        "header": lambda: memory_to_decode(data),
    }


def _outcome(read: Callable[[], object], place: str) -> object:
    """What was read, or the typed refusal."""
    try:
        return read()
    except BadImageError as error:
        told = error
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} in {place}") from error
    assert "\n" not in str(told), f"several lines in {place}: {told}"
    return told


def fuzz(*, rounds: int, seed: int) -> Counter[str]:
    """Damage `rounds` files and read each in every way; how often each format was read and refused by `prepare`.

    Raises:
        AssertionError: what came out was no BadImageError of one line, or the doctor did not say what prepare did.
    """
    outcomes: Counter[str] = Counter()
    files, rng = sound_files(), random.Random(seed)
    for number in range(rounds):
        name = list(files)[number % len(files)]
        data = damaged(files[name], rng)
        data = with_checksums(data) if name.startswith("PNG") and rng.random() < 0.7 else data
        found = {
            way: _outcome(read, f"round {number}: {way} of {name} {data[:200]!r}") for way, read in _ways(data).items()
        }
        for way in ("doctor", "doctor, classes", "header"):
            assert not isinstance(found[way], BadImageError), f"round {number}: {way} raised for {name}: {found[way]}"
        refused = isinstance(found["prepare"], BadImageError)
        assert isinstance(found["doctor"], ImageFacts)
        assert found["doctor"].whole != refused, f"round {number}: doctor and prepare differ on {name}"
        outcomes[f"{name} {'refused' if refused else 'read'}"] += 1
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    warnings.simplefilter("ignore")
    for outcome, count in sorted(fuzz(rounds=options.rounds, seed=options.seed).items()):
        print(f"{count:6d} {outcome}")


if __name__ == "__main__":
    main()
