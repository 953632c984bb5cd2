"""Files inside a tar or a zip, read in place by offset: nothing is extracted, so nothing can be written anywhere.

Only regular files are members: links, devices and pipes are passed over, and reading one says that there is no such
file. An archive that could mislead whoever unpacks it (names that lead out of it, one name twice, names that differ in
case alone) is refused whole; a member that grows beyond bounds when unpacked is refused when it is read.
"""

import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Container, Iterable
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from lowres.data.tar_members import tar_members

MAX_FILE_BYTES = 100_000_000
"""No image file that has more is read, here or in a folder: one of 190 MB takes `lowres doctor` 615 MB of memory."""

_MAX_RATIO = 200  # of unpacked to packed bytes; photographs reach 2, label files 20
_SMALL_BYTES = 1_000_000  # below this, any ratio is harmless

Place = TypeVar("Place")


class MemberIndex(Generic[Place]):
    """Where members lie, by name.

    A member answers to its full name and to every tail of it (`val/a/1.jpg`, `a/1.jpg`, `1.jpg`), because archives
    usually carry one folder more than the annotations; a tail shared by two members answers to neither.

    Members whose names, as they are written in the archive, are in `leave_out` are passed over.

    Raises:
        ValueError: a name that leads out of the archive, one that occurs twice, or two that differ in case alone.
    """

    def __init__(
        self, path: Path, members: Iterable[tuple[str, Place]], leave_out: Container[str] = frozenset()
    ) -> None:
        full: dict[str, Place] = {}
        folded: dict[str, str] = {}
        for written, place in members:
            if written in leave_out:
                continue
            parts = re.split(r"[/\\]", written)
            if ".." in parts or not parts[0] or ":" in parts[0] or "\0" in written:
                raise ValueError(f"{path}: member {written!r} leads out of the archive; repack it with relative names")
            name = str(PurePosixPath(written))
            other = folded.setdefault(name.casefold(), name)
            if name in full:
                raise ValueError(f"{path}: two members are called {name!r}; repack it with one of them")
            if other != name:
                raise ValueError(f"{path}: members {other!r} and {name!r} differ in case alone; rename one and repack")
            full[name] = place
        self._places: dict[str, Place | None] = {}  # None where a tail is ambiguous
        for name, place in full.items():
            parts = PurePosixPath(name).parts
            for start in range(1, len(parts)):
                tail = "/".join(parts[start:])
                self._places[tail] = None if tail in self._places else place
        self._places.update(full)
        hidden = re.compile(r"(^|/)\.")
        self.names = sorted(name for name in full if not hidden.search(name))

    def __getitem__(self, name: str) -> Place:
        key = str(PurePosixPath(name))
        if key not in self._places:
            raise ValueError("no such file in the archive")
        place = self._places[key]
        if place is None:
            raise ValueError("several files of the archive end in this name")
        return place


class ImageTar:
    """Regular members of a tar, found once by reading its headers, then read by offset.

    Raises:
        ValueError: no tar, a compressed or cut one, or one that `MemberIndex` refuses.
    """

    def __init__(self, path: Path, *, leave_out: Container[str] = frozenset()) -> None:
        self._file = path.open("rb")
        members = [
            (member.name, (member.offset_data, member.size))
            for member in tar_members(path)
            if member.isreg() and not member.issparse()
        ]
        self._index = MemberIndex(path, members, leave_out)

    def names(self) -> list[str]:
        """All regular members."""
        return self._index.names

    def read(self, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The member's bytes."""
        offset, length = self._index[name]
        if length > most_bytes:
            raise ValueError(f"the file has {length} bytes; at most {most_bytes} are read")
        encoded = os.pread(self._file.fileno(), length, offset)
        if len(encoded) != length:
            raise ValueError(f"the tar ends inside this file ({len(encoded)} of {length} bytes)")
        return encoded

    def head(self, name: str, length: int) -> bytes:
        """The member's first bytes."""
        offset, whole = self._index[name]
        return os.pread(self._file.fileno(), min(length, whole), offset)


class ImageZip:
    """Regular members of a zip, unpacked in memory one at a time.

    Raises:
        ValueError: no zip, a cut one, or one that `MemberIndex` refuses.
    """

    def __init__(self, path: Path, *, leave_out: Container[str] = frozenset()) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            # NotImplementedError is what zipfile raises for a compression it does not know.
            raise ValueError(f"{path}: cannot be read as a zip ({error}); repack it") from error
        self._index = MemberIndex(
            path, [(info.filename, info) for info in self._zip.infolist() if is_regular(info)], leave_out
        )

    def names(self) -> list[str]:
        """All regular members."""
        return self._index.names

    def read(self, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The member's bytes; ValueError where they would be too many."""
        info = self._index[name]
        if info.file_size > most_bytes:
            raise ValueError(f"the file unpacks to {info.file_size} bytes; at most {most_bytes} are read")
        if info.file_size > max(_SMALL_BYTES, _MAX_RATIO * info.compress_size):
            raise ValueError(f"{info.compress_size} bytes unpack to {info.file_size}: a decompression bomb")
        return self._unpack(info, info.file_size)

    def head(self, name: str, length: int) -> bytes:
        """The member's first bytes."""
        return self._unpack(self._index[name], length)

    def _unpack(self, info: zipfile.ZipInfo, length: int) -> bytes:
        try:
            with self._zip.open(info) as file:
                return file.read(length)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
            # NotImplementedError is what zipfile raises for a compression it does not know.
            raise ValueError(f"the zip is damaged or encrypted here: {error}") from error


def is_regular(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a file: no folder, link, device or pipe."""
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the zip was made on a system without such modes
    return not is_folder(info) and kind in (0, stat.S_IFREG)


def is_folder(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder; `is_dir` of Python 3.11 fails where the name is empty."""
    return info.filename.endswith("/")
