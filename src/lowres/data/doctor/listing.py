"""The files of an image folder, tar or zip by name and size, and what is odd about the archive. Nothing is extracted.

`lowres.data.image_archives` refuses an archive that could mislead whoever unpacks it. Here the members that are to
blame are named, and the others can be read.
"""

import copy
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lowres.data.archive_paths import FilesBelow
from lowres.data.image_archives import is_folder, is_regular
from lowres.data.image_files import open_images
from lowres.data.tar_members import tar_members

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif", ".jp2"))


class Listing:
    """Named files with their sizes in bytes. `faults` holds (kind, place, detail) of what is odd about them.

    Raises:
        ValueError: the path is neither a folder nor an archive that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[tuple[str, str, str]] = []
        left_out: set[str] = set()
        if path.is_dir():
            self.sizes = _folder(path)
            self._name_clashes()
        else:
            self.sizes = self._archive(left_out)
        self.files = open_images(path, leave_out=left_out)
        self._full: dict[str, str | None] = {}  # as in MemberIndex: a tail of a name, None where two members share it
        for name in self.sizes if path.is_file() else ():
            parts = PurePosixPath(name).parts
            for start in range(1, len(parts)):
                tail = "/".join(parts[start:])
                self._full[tail] = None if tail in self._full else name
        self._full.update((name, name) for name in self.sizes)

    def full_name(self, name: str) -> str | None:
        """The listed name behind a name, or behind the tail of one member's name in a tar; None where there is none."""
        return self._full.get(str(PurePosixPath(name)))

    def below(self, folder: str) -> "Listing":
        """The files in a folder of an archive, under their names below it. `faults` stay those of the whole archive."""
        if folder == ".":
            return self
        inner = copy.copy(self)
        start = f"{folder}/"
        inner.path = self.path / folder
        inner.sizes = {n.removeprefix(start): size for n, size in self.sizes.items() if n.startswith(start)}
        inner.files = FilesBelow(self.files, folder)
        inner._full = {name: name for name in inner.sizes}
        return inner

    def images(self) -> list[str]:
        """Names that end like an image's, hidden ones left out."""
        return [
            name
            for name in self.sizes
            if PurePosixPath(name).suffix.lower() in SUFFIXES and not PurePosixPath(name).name.startswith(".")
        ]

    def read(self, name: str) -> bytes:
        """The file's bytes; ValueError or OSError where it cannot be read."""
        return self.files.read(name)

    def _name_clashes(self) -> None:
        lower: dict[str, str] = {}
        for name in self.sizes:
            other = lower.setdefault(name.casefold(), name)
            if other != name:
                self.faults.append(("case_clash", f"{self.path.name}: {name}", f"beside {other}"))

    def _archive(self, left_out: set[str]) -> dict[str, int]:
        """Sizes of the members that can be read; the names of the others go to `left_out`."""
        sizes: dict[str, int] = {}
        lower: dict[str, str] = {}
        for written, size, what in _members(self.path):
            place, name = f"{self.path.name}: {written}", str(PurePosixPath(written))
            parts = written.replace("\\", "/").split("/")
            if not parts[0] or ".." in parts or ":" in parts[0] or "\0" in written:
                self.faults.append(("archive_escape", place, "an absolute name, or one with '..'"))
            elif what:
                self.faults.append(("archive_odd_member", place, f"a {what}"))
                continue
            elif name in sizes:
                self.faults.append(("archive_repeated_member", place, ""))
            elif lower.setdefault(name.casefold(), name) != name:
                self.faults.append(("archive_case_clash", place, f"beside {lower[name.casefold()]}"))
            else:
                sizes[name] = size
                continue
            left_out.add(written)
        repeated = {str(PurePosixPath(name)) for name in left_out}
        return {name: size for name, size in sizes.items() if name not in repeated}


def _members(path: Path) -> Iterator[tuple[str, int, str]]:
    """Name as written, size, and what it is if it is no file; folders are passed over.

    Raises:
        ValueError: no archive that can be read.
    """
    if path.suffix.lower() != ".zip":
        for member in tar_members(path):
            if not member.isdir():
                link = member.issym() or member.islnk()
                odd = "link" if link else "" if member.isreg() else "device or pipe"
                yield member.name, member.size, odd
        return
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        # NotImplementedError is what zipfile raises for a compression it does not know.
        raise ValueError(f"{path}: cannot be read as a zip ({error})") from error
    for info in members:
        if not is_folder(info):
            yield info.filename, info.file_size, "" if is_regular(info) else "link or device"


def _folder(path: Path) -> dict[str, int]:
    sizes = {}
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            full = Path(parent, name)
            if full.is_file():
                sizes[full.relative_to(path).as_posix()] = full.stat().st_size
    return sizes
