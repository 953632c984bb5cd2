"""Which relative paths may travel: the same rules for what we push and for what a bucket's manifest names.

A manifest is written by whoever can write to the bucket. Its paths are taken only where every one stays below the
folder, has one reading on every file system, and clashes with no other, also where upper and lower case are one.
"""

import unicodedata
from collections.abc import Iterable

PART_SUFFIX = ".lowres-part"
MANIFEST = "lowres-manifest.json"

_MAX_BYTES = 900  # an S3 key has 1024, of which the prefix needs some
_MAX_NAME_BYTES = 255
_MAX_DEPTH = 32


def check_paths(paths: Iterable[str], *, where: str) -> None:
    """Accept all of the paths, or none.

    Raises:
        ValueError: the first path that is refused, with the reason; the message begins with `where`.
    """
    spelling: dict[str, str] = {}
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        reason = _refusal(path)
        if reason:
            raise ValueError(f"{where}: path {path!r} {reason}; refused, nothing was written")
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            start = "/".join(parts[:depth])
            same = spelling.setdefault(unicodedata.normalize("NFC", start).casefold(), start)
            if same != start:
                raise ValueError(
                    f"{where}: paths {start!r} and {same!r} differ in case or accents only, which some file systems "
                    "take for one; rename one of them"
                )
            if depth < len(parts):
                folders.add(start)
        if path in files:
            raise ValueError(f"{where}: path {path!r} is named twice; refused, nothing was written")
        files.add(path)
    both = sorted(files & folders)
    if both:
        raise ValueError(f"{where}: path {both[0]!r} is a file and a folder; refused, nothing was written")


def _refusal(path: str) -> str:
    """Why a path may not travel; empty where it may."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "is no valid Unicode"
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute"
    if ".." in parts:
        return "leaves the folder"
    if "" in parts or "." in parts:
        return "has an empty part or '.'"
    if "\\" in path or ":" in path or any(unicodedata.category(letter) == "Cc" for letter in path):
        return "has a backslash, a colon or a control character, which not every file system takes"
    if any(part != part.rstrip(". ") for part in parts):
        return "has a name that ends in a dot or a space, which not every file system takes"
    if path == MANIFEST or path.endswith(PART_SUFFIX):
        return "has a name that is kept for the transfer itself (an unfinished download? pull again, or remove it)"
    if len(encoded) > _MAX_BYTES or len(parts) > _MAX_DEPTH or any(len(p.encode()) > _MAX_NAME_BYTES for p in parts):
        return f"is too long (at most {_MAX_BYTES} bytes, {_MAX_NAME_BYTES} a name, {_MAX_DEPTH} levels)"
    return ""
