"""What finders of layouts get and give: a place to look at, and a find with its reasons."""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lowres.data.archive_paths import MAX_ANNOTATION_BYTES
from lowres.data.compressed_tars import compressed_tar_refusal, named_compressed_tar
from lowres.data.image_files import ImageFiles
from lowres.data.text_files import json_object, read_json_object

ARCHIVES = (".tar", ".zip")
OTHER_JSON = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")  # beside COCO's instances
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class Place:
    """A folder or archive with the names of all its files; `notes` says what looked like something and was not."""

    def __init__(self, root: Path, files: ImageFiles) -> None:
        self.root = root
        self.files = files
        self.names = files.names()
        self.name_set = set(self.names)
        self.notes: list[str] = []

    def archives(self, *, folders_deep: int = 0) -> list[str]:
        """Archives directly inside a folder, or at most so many folders deep; none of those that lie in an archive."""
        if not self.root.is_dir():
            return []
        return [name for name in self.names if name.lower().endswith(ARCHIVES) and name.count("/") <= folders_deep]

    def compressed_tars(self) -> list[str]:
        """What to tell of each compressed tar directly inside a folder."""
        if not self.root.is_dir():
            return []
        named = [name for name in self.names if named_compressed_tar(name) and "/" not in name]
        return [refusal for name in named if (refusal := compressed_tar_refusal(self.root / name)) is not None]

    def json(self, name: str) -> dict[str, Any]:
        """The object in a JSON file.

        Raises:
            ValueError: it cannot be read, or holds no object.
        """
        if self.root.is_dir():
            return read_json_object(self.root / name)
        try:
            data = self.files.read(name, most_bytes=MAX_ANNOTATION_BYTES)
        except ValueError as error:
            raise ValueError(f"{self.root}/{name}: {error}") from error
        return json_object(data, name=f"{self.root}/{name}")

    def top_names(self, *suffixes: str) -> list[str]:
        """Names with these suffixes, at most two folders deep."""
        return [name for name in self.names if name.lower().endswith(suffixes) and name.count("/") <= 2]


@dataclass(frozen=True)
class Found:
    """A layout: the settings of `data.source`, the files that speak for it, and the archives that it uses."""

    settings: dict[str, Any]
    why: str
    uses: frozenset[str] = field(default=frozenset())


def split_in_name(name: str) -> str | None:
    """The split that a path names, looked for from its end: 'instances_val2017.json' and 'valid/a.json' are val."""
    for part in reversed(PurePosixPath(name).parts):
        found = {_SPLITS[word] for word in re.split(r"[^a-z]+", part.lower()) if word in _SPLITS}
        if len(found) == 1:
            return found.pop()
    return None


def says_annotations(name: str) -> bool:
    """Whether a path says that its JSON file holds annotations of objects, whatever is in it."""
    path = PurePosixPath(name)
    if path.name.startswith(OTHER_JSON):
        return False
    words = ("instances", "annotation", "coco")
    return path.parent.name == "annotations" or path.stem in _SPLITS or any(word in path.name for word in words)
