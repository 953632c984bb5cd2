"""Large images in overlapping tiles, for training: objects keep their size where the whole image would be shrunk.

Tiles of a row are spread evenly from edge to edge and overlap by at least what is asked; a side that is shorter than a
tile gives one tile of that side. A box is in every tile that shows enough of it, cut to the tile; what no tile shows
enough of is counted. Faulty boxes are in no tile; the first one has them as its faults, for packing to count. Tiles
without objects are kept as a share, chosen by a hash of their names, so that the choice is the same every time and does
not depend on the other images.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lowres.data.box_faults import described, inside_frame
from lowres.data.problems import Fault
from lowres.data.sources import Source, SourceImage, remarks_of
from lowres.data.windows import Picture, Window, cut_window, visible_shares, wh_px

CUT = "objects left out of a tile that shows too little of them"
LOST = "objects that no tile shows enough of"
EMPTY = "tiles without objects, left out"


class Tiles:
    """The images of `source` as tiles of at most `tile_px` on a side.

    `overlap_px` is what neighbours share at least: objects up to that size are whole in some tile. `empty_fraction` is
    the share of tiles without objects that is kept. Image ids count from 1; an image whose size cannot be read goes on
    whole, for packing to refuse; without objects it is left out or not as a tile is. Nothing is decoded until a tile is
    read.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        source: Source,
        *,
        tile_px: int,
        overlap_px: int,
        min_visibility: float,
        empty_fraction: float,
        jpeg_quality: int | None,
    ) -> None:
        if tile_px < 1 or not 0 <= overlap_px < tile_px:
            raise ValueError(f"tile_px is {tile_px}, overlap_px {overlap_px}; give 0 <= overlap_px < tile_px")
        for key, value in (("min_visibility", min_visibility), ("empty_fraction", empty_fraction)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} is {value}; it must be from 0 to 1")
        self.name = f"tiles of {source.name}"
        self.categories = source.categories
        self._source = source
        self._tile_px = tile_px
        self._overlap_px = overlap_px
        self._min_visibility = min_visibility
        self._empty_fraction = empty_fraction
        self._jpeg_quality = jpeg_quality
        self._remarks: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._length = 0
        for image in source:
            self._faults += image.faults
            windows = self._windows(image, self._remarks, self._faults)
            self._length += 1 if windows is None else len(windows)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[SourceImage]:
        """The tiles of each image by rows, named IMAGE-xLEFT-yTOP."""
        pieces = (piece for image in self._source for piece in self._pieces(image))
        for image_id, piece in enumerate(pieces, start=1):
            yield replace(piece, image_id=image_id, faults=tuple(self._faults) if image_id == 1 else ())

    def remarks(self) -> dict[str, int]:
        """What was cut off and left out."""
        return {**remarks_of(self._source), **{key: count for key, count in self._remarks.items() if count}}

    def _pieces(self, image: SourceImage) -> Iterator[SourceImage]:
        windows = self._windows(image, Counter(), [])
        if windows is None:
            yield image
            return
        picture = Picture(image)
        for window in windows:
            yield cut_window(
                image,
                picture,
                window,
                image_id=image.image_id,
                suffix=_suffix(window),
                min_visibility=self._min_visibility,
                jpeg_quality=self._jpeg_quality,
                share_of_image=image.share_of_image / len(windows),
            )

    def _windows(self, image: SourceImage, remarks: Counter[str], faults: list[Fault]) -> list[Window] | None:
        """The tiles of an image; None where its size cannot be read, and it goes on whole."""
        size = wh_px(image)
        if size is None:
            if len(image.boxes_xyxy_px) or _draw(image.file_name) < self._empty_fraction:
                return None
            remarks[EMPTY] += 1
            return []
        boxes = image.boxes_xyxy_px
        valid = visible_shares(boxes, Window(0, 0, *size)) > 0
        for box in boxes[~valid]:
            _, reason = inside_frame(box, width_px=size[0], height_px=size[1])
            faults.append(Fault(image.file_name, reason, described(box, reason)))
        shown_somewhere = np.zeros(len(boxes), bool)
        chosen = []
        for window in _grid(*size, tile_px=self._tile_px, overlap_px=self._overlap_px):
            shares = visible_shares(boxes, window)
            shown = (shares > 0) & (shares >= self._min_visibility)
            shown_somewhere |= shown
            remarks[CUT] += int(((shares > 0) & ~shown).sum())
            if shown.any() or _draw(image.file_name + _suffix(window)) < self._empty_fraction:
                chosen.append(window)
            else:
                remarks[EMPTY] += 1
        remarks[LOST] += int((valid & ~shown_somewhere).sum())
        return chosen


def _grid(width: int, height: int, *, tile_px: int, overlap_px: int) -> Iterator[Window]:
    for top in starts(height, tile_px=tile_px, overlap_px=overlap_px):
        for left in starts(width, tile_px=tile_px, overlap_px=overlap_px):
            yield Window(left, top, min(tile_px, width), min(tile_px, height))


def starts(side_px: int, *, tile_px: int, overlap_px: int) -> list[int]:
    """Where tiles along one side begin: as few as cover it with at least `overlap_px` in common, evenly spread."""
    if side_px <= tile_px:
        return [0]
    count = math.ceil((side_px - overlap_px) / (tile_px - overlap_px))
    return [(side_px - tile_px) * place // (count - 1) for place in range(count)]


def _suffix(window: Window) -> str:
    return f"-x{window.left}-y{window.top}"


def _draw(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
