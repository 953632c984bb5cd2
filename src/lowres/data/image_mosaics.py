"""Small images of one size, stored as tiles of large lossless mosaics, with one list of labels for all.

`labels.json` holds `classes` (names; the position is the label), `tile` (the images' side in pixels), `columns` (tiles
per row), and for 'train' and 'test' the labels in the order of the tiles: row by row, mosaic after mosaic. Mosaics
are `train_00.webp`, `train_01.webp`, ..., and `test_00.webp`, .... CIFAR-10 takes 24 files and 100 MB this way.
"""

import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.holdout import split_positions, stored_part
from lowres.data.images import BadImageError, decode_rgb, read_header
from lowres.data.labelled_images import encode_png, labelled_image
from lowres.data.sources import Category, SourceImage

_DECODED = 2  # one in use, and the next, which another thread may already read


class ImageMosaics:
    """One split of a folder of mosaics; at most two of them are decoded at any time.

    `num_val` images of train are held out as val, equally many per class, chosen by `seed` (see `holdout.py`).
    Category ids are the labels, from 0; image ids count from 1 over all train, or all test tiles.

    Raises:
        ValueError: a missing or malformed `labels.json`, a missing or unreadable mosaic, one of another width than
            its tiles, more or fewer labels than tiles, a label without a class, or an impossible `num_val`.
    """

    def __init__(self, root: Path, *, split: str, num_val: int, seed: int) -> None:
        self.name = f"{root}:{split}"
        part = stored_part(split)
        path = root / "labels.json"
        document = _read_labels(path, part)
        self._tile_px, self._columns = document["tile"], document["columns"]
        self.categories = [Category(id=label, name=name) for label, name in enumerate(document["classes"])]
        self._labels = np.array(document[part], np.int64)
        self._places: list[tuple[Path, int]] = []  # mosaic and number of the tile in it
        for mosaic in _mosaics(root, part):
            self._places += [(mosaic, tile) for tile in range(self._count_tiles(mosaic))]
        if len(self._places) != len(self._labels):
            raise ValueError(
                f"{path}: '{part}' has {len(self._labels)} labels, the mosaics {part}_*.webp have {len(self._places)} "
                "tiles; each tile has one label: is a mosaic missing?"
            )
        self._positions = split_positions(self._labels, split=split, num_val=num_val, seed=seed, name=self.name)
        self._lock = threading.Lock()  # lru_cache alone would let two threads decode the same mosaic
        self._decode = functools.lru_cache(maxsize=_DECODED)(_decode)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the labels, named MOSAIC/TILE with tiles from 0."""
        for position in self._positions.tolist():
            mosaic, tile = self._places[position]
            yield labelled_image(
                image_id=position + 1,
                file_name=f"{mosaic.stem}/{tile:04d}.png",
                read=lambda mosaic=mosaic, tile=tile: self._read(mosaic, tile),
                wh_px=(self._tile_px, self._tile_px),
                category_id=int(self._labels[position]),
            )

    def _read(self, mosaic: Path, tile: int) -> bytes:
        with self._lock:
            pixels = self._decode(mosaic)
        top, left = (self._tile_px * place for place in divmod(tile, self._columns))
        return encode_png(pixels[top : top + self._tile_px, left : left + self._tile_px])

    def _count_tiles(self, mosaic: Path) -> int:
        try:
            _, width, height = read_header(mosaic.read_bytes())
        except BadImageError as error:
            raise ValueError(f"{mosaic}: {error}; was the file cut off?") from error
        if width != self._columns * self._tile_px or height % self._tile_px:
            raise ValueError(
                f"{mosaic}: is {width}x{height}, but labels.json says {self._columns} columns of {self._tile_px} px; "
                "correct one of the two"
            )
        return self._columns * (height // self._tile_px)


def _decode(mosaic: Path) -> np.ndarray:
    try:
        return decode_rgb(mosaic.read_bytes())
    except BadImageError as error:
        raise ValueError(f"{mosaic}: {error}") from error


def _mosaics(root: Path, part: str) -> list[Path]:
    """Mosaics of a part by their numbers, none of which may be missing below the number of files."""
    paths = [root / f"{part}_{number:02d}.webp" for number in range(max(1, len(list(root.glob(f"{part}_*.webp")))))]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path}: no such mosaic; they are numbered from 00 without a gap")
    return paths


def _read_labels(path: Path, part: str) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file; a folder of mosaics has its labels there")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: malformed JSON ({error}); was the file cut off?") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: holds a JSON {type(document).__name__}; it must be an object with 'classes'")
    for key in ("tile", "columns"):
        if type(document.get(key)) is not int or document[key] < 1:
            raise ValueError(f"{path}: '{key}' is {document.get(key)!r}; it must be a whole number from 1")
    names = document.get("classes")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{path}: 'classes' is {names!r:.60}; it must be a list of names")
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: 'classes' has {len(names)} names, {len(set(names))} of them different; rename one")
    labels = document.get(part)
    if not isinstance(labels, list) or not labels:
        raise ValueError(f"{path}: '{part}' is {labels!r:.60}; it must be the list of its labels")
    for position, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < len(names):
            raise ValueError(f"{path}: {part}[{position}] is {label!r}; labels are 0 to {len(names) - 1}")
    return document
