"""Windows cut out of a source's images: which boxes they keep, and their pixels, decoded when they are read."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

import cv2
import numpy as np
from jaxtyping import UInt8

from lowres.data.images import check_image, decode_rgb, read_header
from lowres.data.labelled_images import encode_png
from lowres.data.pack import MAX_PIXELS
from lowres.data.sources import SourceImage


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels inside its image."""

    left: int
    top: int
    width: int
    height: int

    @property
    def xyxy_px(self) -> np.ndarray:
        """Its corners as a box."""
        return np.array([self.left, self.top, self.left + self.width, self.top + self.height], np.float64)


class Picture:
    """An image that is decoded once for all that is cut out of it, whichever threads read it.

    It lives as long as one of the pieces that refer to it; packing lets go of each after its turn.
    """

    def __init__(self, image: SourceImage) -> None:
        self._image = image
        self._lock = threading.Lock()
        self._pixels: UInt8[np.ndarray, "h w 3"] | None = None

    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The whole image; ValueError where it is damaged, too large or not of its stated size."""
        with self._lock:
            if self._pixels is None:
                encoded = self._image.read()
                # Packing sees only the piece: that the image is whole and of the stated size is found out here.
                check_image(encoded, expected_wh_px=self._image.stated_wh_px, min_side_px=1, max_pixels=MAX_PIXELS)
                self._pixels = decode_rgb(encoded)
            return self._pixels


def visible_shares(boxes_xyxy_px: np.ndarray, window: Window) -> np.ndarray:
    """The share of each box's area that the window shows, in [0, 1]; 0 where it has none or is not finite."""
    frame = window.xyxy_px
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        inside = np.minimum(boxes_xyxy_px[:, 2:], frame[2:]) - np.maximum(boxes_xyxy_px[:, :2], frame[:2])
        whole = boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]
        share = np.maximum(inside, 0).prod(axis=1) / whole.prod(axis=1)
        return np.where((whole > 0).all(axis=1) & np.isfinite(share), share, 0.0)


def cut_window(
    image: SourceImage,
    picture: Picture,
    window: Window,
    *,
    image_id: int,
    suffix: str,
    min_visibility: float,
    jpeg_quality: int | None,
    share_of_image: Fraction,
    recolour: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
) -> SourceImage:
    """The window as an image of its own, named after its image with `suffix`.

    Boxes are cut to the window; those of which less than `min_visibility` of the area is left are not in it. Its
    pixels are encoded as PNG, without loss, or with a `jpeg_quality` as JPEG.
    """
    shares = visible_shares(image.boxes_xyxy_px, window)
    kept = (shares > 0) & (shares >= min_visibility)
    corner = np.array([window.left, window.top] * 2, np.float64)
    frame = window.xyxy_px

    def read() -> bytes:
        pixels = picture.pixels()[window.top : window.top + window.height, window.left : window.left + window.width]
        return _encoded(recolour(np.ascontiguousarray(pixels)), jpeg_quality)

    name = PurePosixPath(image.file_name).with_suffix("")
    return SourceImage(
        image_id=image_id,
        file_name=f"{name}{suffix}{'.png' if jpeg_quality is None else '.jpg'}",
        read=read,
        stated_wh_px=(window.width, window.height),
        boxes_xyxy_px=np.clip(image.boxes_xyxy_px[kept], np.tile(frame[:2], 2), np.tile(frame[2:], 2)) - corner,
        category_ids=image.category_ids[kept],
        iscrowd=image.iscrowd[kept],
        area_px=image.area_px[kept] * shares[kept],
        share_of_image=share_of_image,
    )


def wh_px(image: SourceImage) -> tuple[int, int] | None:
    """The image's stated size where it can be one, else that in its header; None where the image is not to be read."""
    stated = image.stated_wh_px
    if (
        stated is not None
        and all(type(side) is int and side > 0 for side in stated)
        and math.prod(stated) <= MAX_PIXELS
    ):
        return stated
    try:
        _, width, height = read_header(image.read())
    except (ValueError, OSError):
        return None
    return (width, height) if width * height <= MAX_PIXELS else None


def _encoded(pixels: UInt8[np.ndarray, "h w 3"], jpeg_quality: int | None) -> bytes:
    if jpeg_quality is None:
        return encode_png(pixels)
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    assert done
    return encoded.tobytes()
