"""COCO and TT100K that `kind: auto` refuses: their JSON files, in a folder or an archive, and where the images lie."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from lowres.data.archive_paths import MAX_ANNOTATION_BYTES
from lowres.data.doctor.coco_reading import read_coco
from lowres.data.doctor.findings import Finding
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseSplit
from lowres.data.doctor.tt100k_reading import read_tt100k
from lowres.data.recognised import OTHER_JSON, says_annotations, split_in_name
from lowres.data.text_files import json_object, read_json_object

_ENOUGH = 50  # file names that are looked up to tell whose folder it is


class JsonPlace(Protocol):
    """Where JSON files and images lie. Files are called by their path, also those in an archive."""

    root: Path

    def json_files(self) -> list[Path]:
        """Files that may be annotations."""
        ...

    def document(self, file: Path) -> dict[str, Any]:
        """What a file holds; ValueError or OSError where that is no object."""
        ...

    def images_of(self, split: str, names: Sequence[str], beside: Path, broken: list[Finding]) -> Listing | None:
        """The place that holds these images; None where none has any. `broken` gets archives that cannot be read."""
        ...


def json_layout(place: JsonPlace, files: Sequence[Path]) -> Layout | None:
    """The data set of these annotation files; None where none is known, nor meant to be annotations."""
    splits: list[LooseSplit] = []
    broken: list[Finding] = []
    unknown: list[Finding] = []  # JSON that may be anything, as long as other files are annotations
    kinds: dict[str, str] = {}
    taken: set[str] = set()
    for file in files:
        try:
            document = place.document(file)
        except (ValueError, OSError) as error:
            (broken if says_annotations(file.as_posix()) else unknown).append(
                Finding("unreadable_annotations", _split_name(file, place.root), file.name, str(error))
            )
            continue
        if "imgs" in document:
            found = place.images_of("", _texts(document["imgs"], "path"), file.parent, broken)
            read = read_tt100k(document, origin=file, files=found)
            kinds["TT100K"] = f"{file.name} has 'types' and 'imgs'"
        elif len({"images", "annotations", "categories"} & set(document)) >= 2:
            name = _split_name(file, place.root)
            found = place.images_of(name, _texts(document.get("images"), "file_name"), file.parent, broken)
            read = [read_coco(document, name=name, origin=file, files=found)]
            kinds["COCO"] = f"{file.name} has 'images', 'annotations', 'categories'"
        else:
            continue
        for split in read:
            _set_apart(split, file.parent, taken)
        splits += read
    if not splits:
        broken += unknown
    if not splits and not broken:
        return None
    why = "; ".join(kinds.values()) or "JSON files that cannot be read, and no others"
    return Layout(" and ".join(kinds) or "unknown", why, place.root, splits, findings=broken)


class JsonFolder:
    """Files of a folder and of the folders in it; images also in tars."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[Path, Listing] = {}

    def json_files(self) -> list[Path]:
        """Files directly in the folder and one below."""
        folders = [self.root, *sorted(entry for entry in self.root.iterdir() if entry.is_dir())]
        return [file for folder in folders for file in sorted(folder.glob("*.json")) if _may_be(file.name)]

    def document(self, file: Path) -> dict[str, Any]:
        """What a file holds."""
        return read_json_object(file)

    def images_of(self, split: str, names: Sequence[str], beside: Path, broken: list[Finding]) -> Listing | None:
        """The one of the usual places that has most of the names."""
        places = [
            base / part
            for base in dict.fromkeys((self.root, self.root / "images", beside, self.root / split))
            for part in dict.fromkeys((split, f"{split}.tar", "images", "images.tar", f"images/{split}", ""))
        ]
        best: tuple[int, Listing | None] = (0, None)
        for place in dict.fromkeys(places):
            if not place.exists():
                continue
            if place not in self._listings:
                try:
                    self._listings[place] = Listing(place)
                except (ValueError, OSError) as error:
                    broken.append(Finding("unreadable_archive", split or "all", place.name, str(error)))
                    continue
            found = sum(self._listings[place].full_name(name) is not None for name in names)
            if found > best[0]:
                best = (found, self._listings[place])
            if found == len(names) or (found and place.name in (split, f"{split}.tar")):
                break
        return best[1]


class JsonArchive:
    """Members of a tar or zip that holds annotations and images."""

    def __init__(self, files: Listing) -> None:
        self.root = files.path
        self._files = files
        self._folders: dict[str, Listing] = {}
        self._by_leaf: dict[str, list[str]] = defaultdict(list)
        for name in files.sizes:
            self._by_leaf[PurePosixPath(name).name].append(name)

    def json_files(self) -> list[Path]:
        """Members at most two folders deep."""
        return [
            self.root / name
            for name in sorted(self._files.sizes)
            if name.endswith(".json") and name.count("/") <= 2 and _may_be(PurePosixPath(name).name)
        ]

    def document(self, file: Path) -> dict[str, Any]:
        """What a member holds."""
        name = file.relative_to(self.root).as_posix()
        try:
            data = self._files.files.read(name, most_bytes=MAX_ANNOTATION_BYTES)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        return json_object(data, name=str(file))

    def images_of(self, split: str, names: Sequence[str], beside: Path, broken: list[Finding]) -> Listing | None:
        """The folder that has most of the names; of several, that of the split."""
        having: Counter[str] = Counter()
        for name in names:
            for member in self._by_leaf[PurePosixPath(name).name]:
                if f"/{member}".endswith(f"/{name}"):
                    having[member[: -len(name)].rstrip("/") or "."] += 1
        if not having:
            return None
        folder = max(having, key=lambda each: (having[each], split_in_name(each) == split_in_name(split)))
        if folder not in self._folders:
            self._folders[folder] = self._files.below(folder)
        return self._folders[folder]


def _set_apart(split: LooseSplit, folder: Path, taken: set[str]) -> None:
    """A split whose name another one has, in upper or lower case, is called FOLDER-NAME, or else NAME-2, NAME-3, ..."""
    names = chain((split.name, f"{folder.name}-{split.name}"), (f"{split.name}-{number}" for number in count(2)))
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    if name != split.name:
        split.rename(name)


def _may_be(name: str) -> bool:
    return not name.startswith((".", *OTHER_JSON))


def _texts(section: object, key: str) -> list[str]:
    """The first texts under a key of a section's entries."""
    entries = section.values() if isinstance(section, dict) else section if isinstance(section, list) else ()
    texts = [entry.get(key) for entry in entries if isinstance(entry, dict)]
    return [text for text in texts if isinstance(text, str)][:_ENOUGH]


def _split_name(file: Path, root: Path) -> str:
    stem = file.stem.removeprefix("instances_")
    generic = stem.startswith(("_annotations", "annotations", "instances", "labels", "_annotation"))
    return file.parent.name if generic and file.parent not in (root, root / "annotations") else stem
