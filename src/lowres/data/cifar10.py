"""CIFAR-10 in its binary layout (https://www.cs.toronto.edu/~kriz/cifar.html, "binary version").

A record is one byte of label and 3 x 1024 bytes of red, green and blue, each row by row. The pickled version of the
same data is not read: unpickling a file runs whatever the file says.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lowres.data.holdout import split_positions, stored_part
from lowres.data.labelled_images import encode_png, labelled_image
from lowres.data.sources import Category, SourceImage

NUM_CLASSES = 10
SIDE_PX = 32
_RECORD_BYTES = 1 + 3 * SIDE_PX**2
_BATCHES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
_CLASS_NAMES = "batches.meta.txt"
_FOLDER = "cifar-10-batches-bin"


class Cifar10Binary:
    """One split of the binary files in `root`, or in `root/cifar-10-batches-bin`.

    `num_val` images of train are held out as val, equally many per class, chosen by `seed` (see `holdout.py`).
    Category ids are the labels of the files, 0 to 9; image ids count from 1 over all train, or all test files.

    Raises:
        ValueError: a missing file, no whole number of records, a label out of range, not ten class names, or a split
            that `num_val` makes impossible.
    """

    def __init__(self, root: Path, *, split: str, num_val: int, seed: int) -> None:
        self.name = f"{root}:{split}"
        paths = [_folder(root) / file_name for file_name in _BATCHES[stored_part(split)]]
        self.categories = _categories(paths[0].with_name(_CLASS_NAMES))
        self._batches = {path.stem: _records(path) for path in paths}
        self._places = [(batch, row) for batch, records in self._batches.items() for row in range(len(records))]
        self._labels = np.concatenate([records[:, 0] for records in self._batches.values()]).astype(np.int64)
        self._positions = split_positions(self._labels, split=split, num_val=num_val, seed=seed, name=self.name)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the files, named BATCH/RECORD with records from 0."""
        for position in self._positions.tolist():
            batch, row = self._places[position]
            yield labelled_image(
                image_id=position + 1,
                file_name=f"{batch}/{row:05d}.png",
                read=lambda batch=batch, row=row: _png(self._batches[batch][row]),
                wh_px=(SIDE_PX, SIDE_PX),
                category_id=int(self._labels[position]),
            )


def _png(record: np.ndarray) -> bytes:
    planes = record[1:].reshape(3, SIDE_PX, SIDE_PX)
    return encode_png(np.ascontiguousarray(planes.transpose(1, 2, 0)))


def _folder(root: Path) -> Path:
    known = [*_BATCHES["train"], *_BATCHES["test"], _CLASS_NAMES]
    for folder in (root, root / _FOLDER):
        if any((folder / file_name).is_file() for file_name in known):
            return folder
    raise ValueError(
        f"{root}: no data_batch_1.bin or any other file of binary CIFAR-10, here or in {_FOLDER}; "
        "unpack cifar-10-binary.tar.gz (the pickled 'python version' is not read)"
    )


def _categories(path: Path) -> list[Category]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file of class names; it is part of cifar-10-binary.tar.gz")
    try:
        names = path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text ({error}); take it from cifar-10-binary.tar.gz again") from error
    if len(set(names)) != NUM_CLASSES or len(names) != NUM_CLASSES:
        raise ValueError(
            f"{path}: {len(names)} class names, {len(set(names))} of them different; CIFAR-10 has {NUM_CLASSES}, "
            "one a line"
        )
    return [Category(id=label, name=name) for label, name in enumerate(names)]


def _records(path: Path) -> np.ndarray:
    """The file's records as rows of bytes, mapped rather than read: train is 150 MB."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; unpack cifar-10-binary.tar.gz again")
    size = path.stat().st_size
    if size == 0 or size % _RECORD_BYTES:
        raise ValueError(
            f"{path}: {size} bytes are no whole number of records of {_RECORD_BYTES} bytes (1 of label, 3 x "
            f"{SIDE_PX} x {SIDE_PX} of pixels); the file was cut off or is no CIFAR-10, unpack it again"
        )
    records = np.memmap(path, np.uint8, mode="r").reshape(-1, _RECORD_BYTES)
    odd = np.flatnonzero(records[:, 0] >= NUM_CLASSES)
    if len(odd):
        raise ValueError(
            f"{path}: record {odd[0]} (from 0) has label {records[odd[0], 0]}; labels are 0 to {NUM_CLASSES - 1} "
            f"({len(odd)} of {len(records)} are not): unpack the file again"
        )
    return records
