"""A YOLO data set's `data.yaml`: the names of its classes, and which images each split has.

Paths count from `path` where that lies inside the data set, else from the folder of data.yaml: a data set travels, and
`path` often names a folder of the machine it came from. A leading `../` is left out where only the rest exists, because
exports are written so. Nothing outside of the data set is looked at.
"""

import itertools
from pathlib import PurePosixPath
from typing import Any

from lowres.data.image_files import ImageFiles, is_image_name
from lowres.data.problems import Problem, refuse
from lowres.data.sources import nearest
from lowres.data.text_files import lines_of


def class_names(document: dict[Any, Any], yaml: str, *, problem: Problem = refuse) -> list[str | None]:
    """Names of the classes by number, from a list or a mapping of numbers.

    `problem` gets what is wrong: missing, empty, of another type, a gap, a repeated name, or not as many as `nc` says.
    If it returns, a class without a usable name has None.
    """
    names = document.get("names")
    if isinstance(names, dict):
        numbers = list(names)
        wrong = next((key for key in numbers if type(key) is not int or not 0 <= key < len(numbers)), None)
        if wrong is not None:
            message = f"{yaml}: names has the key {_short(wrong)}; keys are 0 to {len(numbers) - 1}, each once"
            problem("bad_category_id", message)
        names = [names.get(number) for number in range(len(numbers))]
    if not isinstance(names, list) or not names:
        got = "missing" if "names" not in document else f"{_short(names)}"
        problem("no_categories", f"{yaml}: names is {got}; it must list the classes, as a list or as 'number: name'")
        return []
    known: list[str | None] = []
    for number, name in enumerate(names):
        if type(name) not in (str, int) or not str(name).strip():
            problem(
                "bad_category_name",
                f"{yaml}: names[{number}] is {_short(name)}; it must be the class's name: put it in quotes",
            )
            known.append(None)
            continue
        if str(name) in known:
            problem("repeated_category_name", f"{yaml}: names has {str(name)!r:.40} twice; rename one")
        known.append(str(name))
    count = document.get("nc", len(names))
    if count != len(names):
        message = f"{yaml}: nc is {_short(count)}, but names has {len(names)}; correct one of the two"
        problem("class_count_differs", message)
    return known


def split_keys(document: dict[Any, Any]) -> dict[str, str]:
    """The key in data.yaml of each split that it has: of 'train', 'val' (also written 'valid') and 'test'."""
    keys = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
    found = {split: next((key for key in names if document.get(key)), None) for split, names in keys.items()}
    return {split: key for split, key in found.items() if key is not None}


class SplitListing:
    """The images of a split: all below a folder, below several, or the lines of a text file.

    `names` are those of all files, `file` is the name of data.yaml among them, `yaml` how messages call it, `problem`
    gets what is wrong.
    """

    def __init__(
        self,
        files: ImageFiles,
        names: list[str],
        document: dict[Any, Any],
        *,
        file: str,
        yaml: str,
        problem: Problem = refuse,
    ) -> None:
        self._files = files
        self._problem = problem
        self._all = names
        self._document = document
        self._yaml = yaml
        folder = str(PurePosixPath(file).parent)
        path = document.get("path", "")
        bases = [_joined(folder, path)] if isinstance(path, str) else []
        self._bases = [base for base in [*bases, _joined(folder, "")] if base is not None]

    def images(self, split: str) -> list[str]:
        """Names of the split's images, sorted; each once, also where the problem of a second one is not refused.

        A problem is: no such split, an entry of another type, a folder without an image, a list that cannot be read or
        is empty or names a file that does not exist, an image listed twice.
        """
        entries = self._document.get(split)
        if entries is None:
            known = [key for key in ("train", "val", "valid", "test") if self._document.get(key) is not None]
            self._problem("no_images_listed", f"{self._yaml}: has no split '{split}'; {nearest(split, known)}")
            return []
        names: list[str] = []
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, str) or not entry:
                self._problem(
                    "odd_entry",
                    f"{self._yaml}: {split} is {_short(entry)}; it must be a folder, a .txt, or a list of them",
                )
                continue
            names += self._listed(entry, split) if entry.endswith(".txt") else self._below(entry, split)
        names = sorted(names)
        for first, second in itertools.pairwise(names):
            if first == second:
                message = f"{self._yaml}: {split} lists the image {first} twice; list it once"
                self._problem("repeated_file_name", message)
        return list(dict.fromkeys(names))

    def _below(self, entry: str, split: str) -> list[str]:
        tried = self._candidates(entry)
        for folder in tried:
            prefix = f"{folder}/" if folder else ""
            found = [name for name in self._all if name.startswith(prefix) and is_image_name(name)]
            if found:
                return found
        self._problem("no_images_listed", f"{self._yaml}: {split}: {_tried(entry, tried)} holds no image")
        return []

    def _listed(self, entry: str, split: str) -> list[str]:
        present = set(self._all)
        tried = self._candidates(entry)
        file = next((name for name in tried if name in present), None)
        if file is None:
            message = f"{self._yaml}: {split}: {_tried(entry, tried)} is no file of the data set"
            self._problem("unreadable_annotations", message)
            return []
        where = f"{self._yaml}: {split}: {file}"
        try:
            lines = lines_of(self._files.read(file), name=where)
        except (ValueError, OSError) as error:
            self._problem("unreadable_annotations", str(error))
            return []
        names = []
        for number, line in lines:
            inside = [_joined(str(PurePosixPath(file).parent), line), *self._candidates(line)]
            name = next((name for name in inside if name in present), None)
            if name is None:
                message = f"{where}:{number}: {line!r:.100} is no file of the data set; name it from its root"
                self._problem("missing_image", message)
                continue
            names.append(name)
        if not lines:
            self._problem("no_images_listed", f"{where}: the list is empty; a split needs at least one image")
        return names

    def _candidates(self, entry: str) -> list[str]:
        shorter = entry.removeprefix("../")
        paths = [_joined(base, text) for base in self._bases for text in dict.fromkeys([entry, shorter])]
        return list(dict.fromkeys(path for path in paths if path is not None))


def _joined(base: str, entry: str) -> str | None:
    """A path from the root of the data set, '' for the root itself; None where it leads out."""
    if entry.startswith("/"):
        return None
    parts: list[str] = []
    for part in PurePosixPath(base, entry).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _tried(entry: str, tried: list[str]) -> str:
    return (
        f"{entry!r:.100} (looked for {', '.join(tried)[:200]})"
        if tried
        else f"{entry!r:.100}, outside of the data set,"
    )


def _short(value: object) -> str:
    """A value in a message; of what may be endless only the type."""
    return f"{value!r:.40}" if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
