"""Crops of the objects of a detection data set, as a data set for classification: what a recogniser gets to see.

The crop is a square around the box. It is moved to lie inside the image where it fits; where it is larger than the
image, the image's edge pixels are repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import cv2
import numpy as np
from jaxtyping import UInt8

from lowres.data.labelled_images import encode_png, labelled_image
from lowres.data.sources import Source, SourceImage
from lowres.data.windows import Picture


@dataclass(frozen=True)
class Square:
    """A square of whole pixels; it may reach out of its image."""

    left: int
    top: int
    side: int


class ObjectCrops:
    """The objects of `source` whose long side is `min_side_px` or more, each as an image of `side_px` x `side_px`.

    A crop's side is the box's long side plus `margin_fraction` of it on either side. Crowd regions are left out.
    Categories are those of the source; image ids count from 1. What cannot be cropped (an unreadable image, a box
    without area or outside of its image) raises ValueError on `read`, so that packing counts and names it.

    Raises:
        ValueError: a number out of range, or no object that is large enough.
    """

    def __init__(self, source: Source, *, min_side_px: int, margin_fraction: float, side_px: int) -> None:
        for key, value in (("min_side_px", min_side_px), ("side_px", side_px)):
            if value < 1:
                raise ValueError(f"{key} is {value}; it must be 1 or more")
        if not 0 <= margin_fraction <= 10:
            raise ValueError(f"margin_fraction is {margin_fraction}; it is a share of the long side, from 0 to 10")
        self.name = f"crops of {source.name}"
        self.categories = source.categories
        self._source = source
        self._min_side_px = min_side_px
        self._margin_fraction = margin_fraction
        self._side_px = side_px
        self._length = sum(len(self._chosen(image)) for image in source)
        if not self._length:
            raise ValueError(f"{self.name}: no object has a long side of {min_side_px} px or more; lower min_side_px")

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[SourceImage]:
        """The crops in the order of the images and their boxes, named IMAGE-OBJECT with objects from 1."""
        image_id = 0
        for image in self._source:
            picture = Picture(image)
            for number in self._chosen(image):
                image_id += 1
                yield labelled_image(
                    image_id=image_id,
                    file_name=f"{PurePosixPath(image.file_name).with_suffix('')}-{number + 1}.png",
                    read=lambda picture=picture, box=image.boxes_xyxy_px[number]: self._read(picture, box),
                    wh_px=(self._side_px, self._side_px),
                    category_id=int(image.category_ids[number]),
                )

    def _chosen(self, image: SourceImage) -> list[int]:
        # Not "at least": a box of NaN must be chosen, or packing could not count it.
        with np.errstate(invalid="ignore"):  # infinity less infinity
            long_sides = (image.boxes_xyxy_px[:, 2:] - image.boxes_xyxy_px[:, :2]).max(axis=1)
        return np.flatnonzero(~image.iscrowd & ~(long_sides < self._min_side_px)).tolist()

    def _read(self, picture: Picture, box_xyxy_px: np.ndarray) -> bytes:
        pixels = picture.pixels()
        height, width = pixels.shape[:2]
        square = square_around(
            box_xyxy_px, margin_fraction=self._margin_fraction, image_width_px=width, image_height_px=height
        )
        crop = cut_square(pixels, square)
        if square.side != self._side_px:
            kind = cv2.INTER_AREA if square.side > self._side_px else cv2.INTER_CUBIC
            crop = cv2.resize(crop, (self._side_px, self._side_px), interpolation=kind)
        return encode_png(crop)


def square_around(
    box_xyxy_px: np.ndarray, *, margin_fraction: float, image_width_px: int, image_height_px: int
) -> Square:
    """The square crop of a box: around what of it lies in the image, moved into the image as far as it fits.

    Raises:
        ValueError: the box is not finite, has no area, or lies outside of the image.
    """
    if not np.isfinite(box_xyxy_px).all():
        raise ValueError(f"box {box_xyxy_px.tolist()} is not four finite numbers")
    size_wh = np.array([image_width_px, image_height_px])
    low, high = np.clip(box_xyxy_px.reshape(2, 2), 0, size_wh)
    if not (high > low).all():
        frame = f"{image_width_px}x{image_height_px}"
        raise ValueError(f"box {box_xyxy_px.tolist()} has no area inside its image of {frame} px")
    side = max(1, round(float((high - low).max()) * (1 + 2 * margin_fraction)))
    spare = size_wh - side  # negative where the image is smaller: then the square contains it
    left, top = np.clip(np.round((low + high - side) / 2), np.minimum(spare, 0), np.maximum(spare, 0)).tolist()
    return Square(left=int(left), top=int(top), side=side)


def cut_square(pixels: UInt8[np.ndarray, "h w 3"], square: Square) -> UInt8[np.ndarray, "side side 3"]:
    """The square's pixels; outside of the image, those of the nearest edge."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(square.top, square.top + square.side), 0, height - 1)
    columns = np.clip(np.arange(square.left, square.left + square.side), 0, width - 1)
    return pixels[rows[:, None], columns]
