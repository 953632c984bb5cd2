"""Encoded images by name, from a folder or straight out of an archive; nothing is ever extracted to disk."""

import os
from collections.abc import Container
from pathlib import Path, PurePosixPath
from typing import Protocol

from lowres.data.image_archives import MAX_FILE_BYTES, ImageTar, ImageZip
from lowres.data.images import BadImageError, read_header

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm")
"""Names of images end in one of these, in either case."""

_HEADER_BYTES = 1 << 16


class ImageFiles(Protocol):
    """Named files; safe to read from several threads."""

    def names(self) -> list[str]:
        """Names of all files, sorted, with `/` between folders; hidden files and folders are left out."""
        ...

    def read(self, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The file's bytes; ValueError or OSError where there is no such file, or it has more than `most_bytes`."""
        ...

    def head(self, name: str, length: int) -> bytes:
        """At most the first `length` bytes; errors as in `read`."""
        ...


def open_images(path: Path, *, leave_out: Container[str] = frozenset()) -> ImageFiles:
    """The images in a folder, an uncompressed `.tar` or a `.zip`; its members in `leave_out` are passed over.

    Raises:
        ValueError: the path is none of them, or the archive is not to be trusted.
    """
    if path.is_dir():
        return ImageFolder(path)
    if path.is_file():
        return open_archive(path, leave_out=leave_out)
    raise ValueError(f"{path}: no such folder or tar of images; check the path")


def open_archive(path: Path, *, leave_out: Container[str] = frozenset()) -> ImageFiles:
    """The files in an uncompressed `.tar` or a `.zip`; as `open_images`."""
    return (ImageZip if path.suffix.lower() == ".zip" else ImageTar)(path, leave_out=leave_out)


def is_image_name(name: str) -> bool:
    """Whether the suffix is that of an image."""
    return name.lower().endswith(SUFFIXES)


def image_wh_px(files: ImageFiles, name: str) -> tuple[int, int] | None:
    """Width and height from the first bytes of the file; None where it cannot be read, which packing finds out too."""
    try:
        try:
            _, width, height = read_header(files.head(name, _HEADER_BYTES))
        except BadImageError:  # large metadata may stand before the size
            _, width, height = read_header(files.read(name))
    except (ValueError, OSError):
        return None
    return width, height


class ImageFolder:
    """Files below a folder; names that lead out of it are refused."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """All files; folders that are links are not followed."""
        found = []
        for folder, inner, files in os.walk(self._root):
            inner[:] = [name for name in inner if not name.startswith(".")]
            below = Path(folder).relative_to(self._root)
            found += [(below / name).as_posix() for name in files if not name.startswith(".")]
        return sorted(found)

    def read(self, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The file's bytes."""
        path = self._path(name)
        if path.stat().st_size > most_bytes:
            raise ValueError(f"the file has {path.stat().st_size} bytes; at most {most_bytes} are read")
        return path.read_bytes()

    def head(self, name: str, length: int) -> bytes:
        """The first bytes."""
        with self._path(name).open("rb") as file:
            return file.read(length)

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
            raise ValueError(f"file name '{name}' leads out of the image folder")
        path = self._root.joinpath(*parts)
        if not path.is_file():
            raise ValueError("no such file in the image folder")
        return path
