"""A folder per class: ROOT/SPLIT/CLASS/any-name.jpg. The commonest way to hand over images for classification.

Every file of a class is offered to packing, which counts and names what it cannot read; only hidden files (names
with a leading dot) are passed over.
"""

from collections.abc import Iterator
from pathlib import Path

from lowres.data.images import BadImageError, read_header
from lowres.data.labelled_images import labelled_image
from lowres.data.sources import Category, SourceImage


class ClassFolders:
    """One split: the folders in `root/split` are its classes.

    Category ids count from 0 in the order of the names (by code point: 'Z' before 'a', '10' before '9'); image ids
    count from 1 in the order of class and file name.

    Raises:
        ValueError: a missing split, no class, a class without a file, a folder inside a class, a file outside of all.
    """

    def __init__(self, root: Path, *, split: str) -> None:
        folder = root / split
        self.name = str(folder)
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder; a split is a folder with one folder per class")
        classes = _visible(folder)
        for entry in classes:
            if not entry.is_dir():
                raise ValueError(f"{entry}: lies beside the class folders; move it into its class, or away")
        if not classes:
            raise ValueError(f"{folder}: has no class folder; a split is a folder with one folder per class")
        self.categories = [Category(id=number, name=entry.name) for number, entry in enumerate(classes)]
        self._images = [(number, path) for number, entry in enumerate(classes) for path in _files(entry)]

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images by class and name, named CLASS/FILE."""
        for image_id, (category_id, path) in enumerate(self._images, start=1):
            yield labelled_image(
                image_id=image_id,
                file_name=f"{path.parent.name}/{path.name}",
                read=path.read_bytes,
                wh_px=_wh_px(path),
                category_id=category_id,
            )


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _files(folder: Path) -> list[Path]:
    files = _visible(folder)
    if not files:
        raise ValueError(f"{folder}: the class folder is empty; add its images, or remove the folder in every split")
    for path in files:
        if path.is_dir():
            raise ValueError(f"{path}: is a folder inside a class folder; the images of a class lie directly in it")
    return files


def _wh_px(path: Path) -> tuple[int, int] | None:
    try:
        _, width, height = read_header(path.read_bytes())
    except (BadImageError, OSError):
        return None  # packing reads the file again, refuses it and reports why
    return width, height
