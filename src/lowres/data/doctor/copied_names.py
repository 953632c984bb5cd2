"""Names of files and splits in a repaired copy: all inside of it, no two of them one, whether or not case counts."""

import itertools
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

_SAME = {".jpg": (".jpg", ".jpeg"), ".tif": (".tif", ".tiff")}


class CopiedNames:
    """The files of a folder of the copy. None is another's folder either."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, key: str, suffix: str, image_id: int) -> str:
        """The old name with the right suffix; the id goes before it where another has it.

        A backslash parts folders, as on Windows, and what would lead out of the copy is left out of the name.
        """
        old = PurePosixPath(*_parts(key) or (str(image_id),))
        plain = old.with_suffix(suffix) if old.suffix.lower() not in _SAME.get(suffix, (suffix,)) else old
        name = next(each for each in _tries(plain, image_id) if self._is_free(each))
        self._files.add(name.casefold())
        self._folders.update(_folders(name))
        return name

    def _is_free(self, name: str) -> bool:
        folded = name.casefold()
        return folded not in self._files and folded not in self._folders and self._files.isdisjoint(_folders(name))


def split_names(names: list[str]) -> list[str]:
    """What the splits of a copy are called: as before, with a number behind where two would be one folder."""
    taken: set[str] = set()
    found = []
    for name in names:
        plain = "-".join(_parts(name)) or "split"
        numbered = (f"{plain}-{number}" for number in itertools.count(2))
        free = next(each for each in itertools.chain([plain], numbered) if each.casefold() not in taken)
        taken.add(free.casefold())
        found.append(free)
    return found


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]


def _tries(plain: PurePosixPath, image_id: int) -> Iterator[str]:
    first, *rest = plain.parts
    yield plain.as_posix()
    yield PurePosixPath(f"{image_id}-{first}", *rest).as_posix()
    for number in itertools.count(2):
        yield PurePosixPath(f"{image_id}-{number}-{first}", *rest).as_posix()


def _folders(name: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(name.casefold()).parents]
