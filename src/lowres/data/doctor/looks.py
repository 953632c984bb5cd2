"""What an image looks like in 16 + 256 bytes: a difference hash to find candidates, a tiny picture to confirm them.

The hash is dHash in both directions: whether each of 8 x 8 cells is brighter than its right, and its lower, neighbour.
Copies that were recompressed, resized or brightened differ in few bits. Flat regions give accidental bits, so that two
hashes alone prove little; the picture of 16 x 16 grey cells decides.
"""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

SIDE = 16
HASH_BYTES = 16
_JUST_BRIGHTER = 0.5  # grey levels: noise of a flat region sets no bit
_LEAST_CONTRAST = 4.0  # grey levels: below this a picture is flat, and differences are noise


@dataclass(frozen=True, slots=True)
class Looks:
    """`hash_bits` has 16 bytes, `tiny` 16 x 16 grey levels."""

    hash_bits: bytes
    tiny: bytes


def looks_of(pixels: UInt8[np.ndarray, "h w 3"]) -> Looks:
    """The looks of an RGB image."""
    small = cv2.resize(pixels, (144, 144), interpolation=cv2.INTER_AREA)  # 144 is a multiple of 9 and of 16
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    nine = grey.reshape(9, 16, 9, 16).mean(axis=(1, 3))
    cells = nine[:8, :8] + _JUST_BRIGHTER
    right, down = nine[:8, 1:] > cells, nine[1:, :8] > cells
    tiny = grey.reshape(SIDE, 9, SIDE, 9).mean(axis=(1, 3)).round().astype(np.uint8)
    return Looks(np.packbits([right, down]).tobytes(), tiny.tobytes())


def pixel_digest(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """16 bytes that two images share if their sizes and all their pixels are equal."""
    height, width, _ = pixels.shape
    return hashlib.blake2b(pixels.data, digest_size=16, key=f"{width}x{height}".encode()).digest()


def standardised(tiny: UInt8[np.ndarray, "n 256"]) -> np.ndarray:
    """Tiny pictures without their brightness and contrast, float32 [n, 256]."""
    values = tiny.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(values.std(axis=1, keepdims=True), _LEAST_CONTRAST)
