"""The files of an image folder or tar by name and size, and what is odd about the archive. Nothing is extracted."""

import os
import tarfile
from pathlib import Path, PurePosixPath

from lowres.data.image_files import open_images

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif", ".jp2"))


class Listing:
    """Named files with their sizes in bytes. `faults` holds (kind, place, detail) of what is odd about them.

    Raises:
        ValueError: the path is neither a folder nor an uncompressed tar that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[tuple[str, str, str]] = []
        self._files = open_images(path)
        self.sizes = _folder(path) if path.is_dir() else self._tar(path)
        self._full: dict[str, str | None] = {}  # as in ImageTar: a tail of a name, None where two members share it
        for name in self.sizes if path.is_file() else ():
            parts = PurePosixPath(name).parts
            for start in range(1, len(parts)):
                tail = "/".join(parts[start:])
                self._full[tail] = None if tail in self._full else name
        self._full.update((name, name) for name in self.sizes)
        lower: dict[str, str] = {}
        for name in self.sizes:
            other = lower.setdefault(name.casefold(), name)
            if other != name:
                self.faults.append(("case_clash", f"{path.name}: {name}", f"beside {other}"))

    def full_name(self, name: str) -> str | None:
        """The listed name behind a name, or behind the tail of one member's name in a tar; None where there is none."""
        return self._full.get(str(PurePosixPath(name)))

    def images(self) -> list[str]:
        """Names that end like an image's, hidden ones left out."""
        return [
            name
            for name in self.sizes
            if PurePosixPath(name).suffix.lower() in SUFFIXES and not PurePosixPath(name).name.startswith(".")
        ]

    def read(self, name: str) -> bytes:
        """The file's bytes; ValueError or OSError where it cannot be read."""
        return self._files.read(name)

    def _tar(self, path: Path) -> dict[str, int]:
        sizes: dict[str, int] = {}
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                place = f"{path.name}: {member.name}"
                if member.name.startswith("/") or ".." in PurePosixPath(member.name).parts:
                    self.faults.append(("archive_escape", place, "an absolute name, or one with '..'"))
                elif not (member.isreg() or member.isdir()):
                    what = "link" if member.issym() or member.islnk() else "device or pipe"
                    self.faults.append(("archive_odd_member", place, f"a {what}"))
                elif member.isreg():
                    name = str(PurePosixPath(member.name))
                    if name in sizes:
                        self.faults.append(("archive_repeated_member", place, "the last one is read"))
                    sizes[name] = member.size
        return sizes


def _folder(path: Path) -> dict[str, int]:
    sizes = {}
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            full = Path(parent, name)
            if full.is_file():
                sizes[full.relative_to(path).as_posix()] = full.stat().st_size
    return sizes
