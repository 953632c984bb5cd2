"""The sha256 of a file, and the record of it that stands beside the file: `NAME.sha256`."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_sha256(path: Path) -> None:
    """Write the record of a file."""
    _record_of(path).write_text(sha256_of(path) + "\n")


def has_record(path: Path) -> bool:
    """Whether a record stands beside a file."""
    return _record_of(path).is_file()


def check_sha256(path: Path) -> None:
    """ValueError where a file is not what its record says, or has none."""
    beside = _record_of(path)
    if not beside.is_file() or sha256_of(path) != beside.read_text().strip():
        raise ValueError(f"{path}: its sha256 is not the one in {beside.name}; the file is damaged, make it anew")


def _record_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
