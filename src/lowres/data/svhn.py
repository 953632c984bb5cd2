"""SVHN, format 2: house-number digits cropped to 32x32 (http://ufldl.stanford.edu/housenumbers, Netzer et al. 2011).

`train_32x32.mat` and `test_32x32.mat` hold X [32, 32, 3, n] of bytes and y [n, 1], in which 10 stands for digit 0;
here the class of a digit is the digit. `extra_32x32.mat` is not read.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from lowres.data.holdout import split_positions, stored_part
from lowres.data.labelled_images import encode_png, labelled_image
from lowres.data.sources import Category, SourceImage

SIDE_PX = 32
# What scipy raises for files that are no MATLAB files, cut off, damaged, or of version 7.3.
_BROKEN = (ValueError, TypeError, LookupError, OSError, EOFError, NotImplementedError, MatReadError, zlib.error)


class SvhnCropped:
    """One split of the cropped digits in `root`; the pixels are in memory only while the split is iterated.

    `num_val` images of train are held out as val, equally many per digit, chosen by `seed` (see `holdout.py`).
    Category ids are the digits, 0 to 9; image ids count from 1 in each file.

    Raises:
        ValueError: a missing or damaged file, an array of another shape or type, a label out of range, or a split
            that `num_val` makes impossible.
    """

    def __init__(self, root: Path, *, split: str, num_val: int, seed: int) -> None:
        self.name = f"{root}:{split}"
        self.categories = [Category(id=digit, name=str(digit)) for digit in range(10)]
        self._path = root / f"{stored_part(split)}_32x32.mat"
        self._digits = _read_digits(self._path)
        self._positions = split_positions(self._digits, split=split, num_val=num_val, seed=seed, name=self.name)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the file, named FILE/POSITION with positions from 1, as in MATLAB.

        Raises:
            ValueError: the pixels cannot be read.
        """
        images = _load(self._path, "X")
        for position in self._positions.tolist():
            yield labelled_image(
                image_id=position + 1,
                file_name=f"{self._path.stem}/{position + 1:06d}.png",
                read=lambda position=position: encode_png(np.ascontiguousarray(images[..., position])),
                wh_px=(SIDE_PX, SIDE_PX),
                category_id=int(self._digits[position]),
            )


def _read_digits(path: Path) -> np.ndarray:
    """The digit of each image; shapes and types are judged by the headers, before anything is unpacked."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; download it from ufldl.stanford.edu/housenumbers (format 2, cropped)")
    try:
        arrays = {name: (tuple(shape), kind) for name, shape, kind in whosmat(path)}
    except _BROKEN as error:
        raise ValueError(_unreadable(path, error)) from error
    for name in ("X", "y"):
        if name not in arrays:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise ValueError(f"{path}: has no array '{name}' but {found}; is it SVHN's cropped format?")
    (shape, kind), (shape_y, _) = arrays["X"], arrays["y"]
    if len(shape) != 4 or shape[:3] != (SIDE_PX, SIDE_PX, 3) or shape[3] == 0 or kind != "uint8":
        raise ValueError(f"{path}: X is {kind} {list(shape)}; it must be uint8 [{SIDE_PX}, {SIDE_PX}, 3, n]")
    if shape_y != (shape[3], 1):
        raise ValueError(f"{path}: y is {list(shape_y)}, X has {shape[3]} images; y must be [{shape[3]}, 1]")
    labels = _load(path, "y")[:, 0]
    odd = np.flatnonzero(~np.isin(labels, np.arange(1, 11)))
    if len(odd):
        raise ValueError(
            f"{path}: y[{odd[0]}] (from 0) is {labels[odd[0]]}; labels are 1 to 10, of which 10 is digit 0 "
            f"({len(odd)} of {len(labels)} are not): download the file again"
        )
    return labels.astype(np.int64) % 10


def _load(path: Path, name: str) -> np.ndarray:
    try:
        return loadmat(path, variable_names=[name])[name]
    except _BROKEN as error:
        raise ValueError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read as a MATLAB file ({error}); download it again".replace("\n", " ")
