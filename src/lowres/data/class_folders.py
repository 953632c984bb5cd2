"""A folder per class: ROOT/CLASS/any-name.jpg, or ROOT/SPLIT/CLASS/any-name.jpg where the data set is divided.

Every file of a class is offered to packing, which counts and names what it cannot read; only hidden files (names
with a leading dot) are passed over.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lowres.data.holdout import SPLITS
from lowres.data.image_files import ImageFolder, image_wh_px
from lowres.data.labelled_images import labelled_image
from lowres.data.sources import Category, SourceImage

_MISNAMED = ("valid", "validation")


def class_folder_splits(root: Path) -> dict[str, "ClassFolders"]:
    """The splits for which `root` has a folder; where it has none, its folders are the classes of train.

    A folder called train, val or test is a split, never a class.

    Raises:
        ValueError: as `ClassFolders`; val or test without train, or a validation split under another name.
    """
    present = [split for split in SPLITS if (root / split).is_dir()]
    if not present:
        return {"train": ClassFolders(root, split=None)}
    if "train" not in present:
        raise ValueError(
            f"{root}: has a folder {present[0]}, which is a split, but none called train; add it, or give the class "
            f"{present[0]} another name"
        )
    for name in _MISNAMED:
        if "val" not in present and (root / name).is_dir():
            raise ValueError(f"{root / name}: splits are called train, val and test; rename it val")
    return {split: ClassFolders(root, split=split) for split in present}


class ClassFolders:
    """One split: the folders in `root/split` are its classes, or those in `root` where `split` is None.

    Category ids count from 0 in the order of the names (by code point: 'Z' before 'a', '10' before '9'); image ids
    count from 1 in the order of class and file name.

    Raises:
        ValueError: a missing split, no class, a class without a file, a folder inside a class, a file outside of all.
    """

    def __init__(self, root: Path, *, split: str | None) -> None:
        folder = root if split is None else root / split
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
        self._folder = ImageFolder(folder)
        self._images = [
            (number, f"{entry.name}/{name}") for number, entry in enumerate(classes) for name in _files(entry)
        ]

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images by class and name, named CLASS/FILE."""
        for image_id, (category_id, name) in enumerate(self._images, start=1):
            yield labelled_image(
                image_id=image_id,
                file_name=name,
                read=partial(self._folder.read, name),
                wh_px=image_wh_px(self._folder, name),
                category_id=category_id,
            )


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _files(folder: Path) -> list[str]:
    files = _visible(folder)
    if not files:
        raise ValueError(f"{folder}: the class folder is empty; add its images, or remove the folder in every split")
    for path in files:
        if path.is_dir():
            raise ValueError(
                f"{path}: is a folder inside a class folder; the images of a class lie directly in it, and splits are "
                "called train, val and test"
            )
    return [path.name for path in files]
