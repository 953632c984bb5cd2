"""Encoded images by name, from a folder or straight out of a tar; nothing is ever extracted to disk."""

import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import Protocol


class ImageFiles(Protocol):
    """Named files; safe to read from several threads."""

    def read(self, name: str) -> bytes:
        """The file's bytes; ValueError or OSError where there is no such file."""
        ...


def open_images(path: Path) -> ImageFiles:
    """The images in a folder or an uncompressed `.tar`.

    Raises:
        ValueError: the path is neither.
    """
    if path.is_dir():
        return ImageFolder(path)
    if path.is_file():
        return ImageTar(path)
    raise ValueError(f"{path}: no such folder or tar of images; check the path")


class ImageFolder:
    """Files below a folder; names that lead out of it are refused."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        """The file's bytes."""
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
            raise ValueError(f"file name '{name}' leads out of the image folder")
        path = self._root.joinpath(*parts)
        if not path.is_file():
            raise ValueError("no such file in the image folder")
        return path.read_bytes()


class ImageTar:
    """Regular members of a tar, found once by reading its headers, then read by offset.

    A member answers to its full name and to every tail of it (`val/a/1.jpg`, `a/1.jpg`, `1.jpg`), because archives
    usually carry one folder more than the annotations; a tail shared by two members answers to neither.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._places: dict[str, tuple[int, int] | None] = {}  # tail of a name -> offset and length, None if ambiguous
        full: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(fileobj=path.open("rb"), mode="r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        full[str(PurePosixPath(member.name))] = (member.offset_data, member.size)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as an uncompressed tar ({error}); unpack or repack it") from error
        for name, place in full.items():
            parts = PurePosixPath(name).parts
            for start in range(1, len(parts)):
                tail = "/".join(parts[start:])
                self._places[tail] = None if tail in self._places else place
        self._places.update(full)

    def read(self, name: str) -> bytes:
        """The member's bytes."""
        key = str(PurePosixPath(name))
        if key not in self._places:
            raise ValueError("no such file in the tar")
        place = self._places[key]
        if place is None:
            raise ValueError("several files of the tar end in this name")
        offset, length = place
        encoded = os.pread(self._file.fileno(), length, offset)
        if len(encoded) != length:
            raise ValueError(f"the tar ends inside this file ({len(encoded)} of {length} bytes)")
        return encoded
