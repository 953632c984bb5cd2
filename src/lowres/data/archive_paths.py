"""Paths that lead into an archive, as if it were a folder: `data/coco.tar/annotations/instances_train.json`.

Where an annotation file or a folder of images may lie in a folder, it may so lie in a tar or a zip.
"""

from pathlib import Path, PurePosixPath

from lowres.data.image_archives import MAX_FILE_BYTES
from lowres.data.image_files import ImageFiles, open_archive, open_images

MAX_ANNOTATION_BYTES = 1_000_000_000
"""A file of annotations in an archive is read up to this; COCO's largest has 450 MB."""


def split_archive_path(path: Path) -> tuple[Path, str] | None:
    """The archive that a path leads into, and the name inside; None where no folder of the path is a file."""
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    return None if archive is None else (archive, path.relative_to(archive).as_posix())


def open_images_at(path: Path) -> ImageFiles:
    """The images in a folder or archive, or in a folder of an archive.

    Raises:
        ValueError: as `open_images`; no such folder in the archive, or several that end in this name.
    """
    inside = split_archive_path(path)
    if inside is None:
        return open_images(path)
    archive, folder = inside
    files = open_archive(archive)
    return FilesBelow(files, _full_folder(files.names(), folder, str(path)))


def read_annotations(path: Path) -> bytes:
    """The bytes of a file, which may lie in an archive.

    Raises:
        ValueError: no such file, a folder, or an archive or member that is not to be trusted.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the annotation file in it")
    if path.is_file():
        return path.read_bytes()
    inside = split_archive_path(path)
    if inside is None:
        raise ValueError(f"{path}: no such annotation file; check the path")
    archive, name = inside
    files = open_archive(archive)
    try:
        return files.read(name, most_bytes=MAX_ANNOTATION_BYTES)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


class FilesBelow:
    """The files in a folder of an archive, under their names below it; what lies outside of it is out of reach."""

    def __init__(self, files: ImageFiles, folder: str) -> None:
        self._files = files
        self._folder = PurePosixPath(folder)
        start = f"{folder}/"
        self._names = [name.removeprefix(start) for name in files.names() if name.startswith(start)]
        self._known = frozenset(self._names)

    def names(self) -> list[str]:
        """All files below the folder."""
        return self._names

    def read(self, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
        """The file's bytes."""
        return self._files.read(self._full(name), most_bytes=most_bytes)

    def head(self, name: str, length: int) -> bytes:
        """The first bytes."""
        return self._files.head(self._full(name), length)

    def _full(self, name: str) -> str:
        if str(PurePosixPath(name)) not in self._known:
            raise ValueError("no such file in this folder of the archive")
        return str(self._folder / name)


def _full_folder(names: list[str], folder: str, path: str) -> str:
    """The folder's whole name: its own, or that of the one folder that ends in it, as names of members do."""
    if any(name.startswith(f"{folder}/") for name in names):
        return folder
    inner = f"/{folder}/"
    ends = {name[: name.index(inner) + len(inner) - 1] for name in names if inner in name}
    if len(ends) != 1:
        found = f"several folders end in this name ({', '.join(sorted(ends)[:3])})" if ends else "no such folder"
        raise ValueError(f"{path}: {found} in the archive; give its name in full")
    return ends.pop()
