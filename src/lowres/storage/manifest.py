"""The list of a pushed folder's files: relative path, size and sha256 of each, written when all of them are there.

`lowres-manifest.json` holds `format`, `files` (path, bytes, sha256) and `sha256` of the canonical JSON of the rest. A
folder without it in the bucket is an unfinished push; a file that differs from it is refused by `pull`.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lowres.storage.paths import check_paths

FORMAT = 1
MAX_MANIFEST_BYTES = 256 * 1024 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One file: its path below the folder with forward slashes, its size and the sha256 of its content."""

    path: str
    bytes: int
    sha256: str


def encode_manifest(entries: Sequence[Entry]) -> bytes:
    """The manifest's bytes; equal folders give equal ones."""
    content = {"format": FORMAT, "files": [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.path)]}
    return _canonical({**content, "sha256": _digest(content)})


def decode_manifest(data: bytes, *, where: str, max_files: int, max_bytes: float) -> list[Entry]:
    """The checked entries; the data come from a bucket and are not trusted.

    Raises:
        ValueError: damaged, of another format, a path that may not travel, or more than the caps allow.
    """
    remedy = "push the folder again"
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: is no JSON ({len(data)} bytes); {remedy}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{where}: format {str(got)[:40]!r}, this version reads {FORMAT}; {remedy}")
    if content.pop("sha256", None) != _digest(content):
        raise ValueError(f"{where}: content differs from its checksum; {remedy}")
    rows = content.get("files")
    if not isinstance(rows, list):
        raise ValueError(f"{where}: 'files' is no list; {remedy}")
    if len(rows) > max_files:
        raise ValueError(
            f"{where}: names {len(rows)} files, max_files is {max_files}; raise it if you trust the bucket"
        )
    entries = [_entry(row, where=where) for row in rows]
    total = sum(entry.bytes for entry in entries)
    if not total <= max_bytes:  # nor is NaN a limit
        raise ValueError(
            f"{where}: names {total / 1e9:.3g} GB, at most {max_bytes / 1e9:.3g} GB are allowed; "
            "raise the limit (--max-gb) if you trust the bucket"
        )
    check_paths((entry.path for entry in entries), where=where)
    return entries


def _entry(row: Any, *, where: str) -> Entry:
    if isinstance(row, dict) and set(row) == {"path", "bytes", "sha256"}:
        path, size, sha256 = row["path"], row["bytes"], row["sha256"]
        numbers = type(size) is int and size >= 0 and isinstance(sha256, str) and _SHA256.fullmatch(sha256)
        if isinstance(path, str) and numbers:
            return Entry(path=path, bytes=size, sha256=sha256)
    raise ValueError(f"{where}: entry {repr(row)[:120]} is not path, bytes and sha256; push the folder again")


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(content: object) -> str:
    try:
        return hashlib.sha256(_canonical(content)).hexdigest()
    except (ValueError, RecursionError):  # NaN, or nested without end: equal to no checksum
        return ""
