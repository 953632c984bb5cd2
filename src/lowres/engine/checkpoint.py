"""Checkpoint files: a process killed at any moment, a full disk or a flipped bit costs steps, never a wrong result.

`checkpoint-000000120.pt` (or `-unevaluated.pt`, written before the evaluation of that step) holds tensors and plain
data (read with weights_only=True). It is written under a temporary name and synced; then its digest goes to
`checkpoint-000000120.pt.sha256`; then it gets its name, in one rename. A checkpoint without a matching digest is
never used. The last two are kept.
"""

import hashlib
import logging
import os
from pathlib import Path
from typing import IO, Any, cast

import torch

KEEP = 2
_log = logging.getLogger(__name__)


def save_checkpoint(folder: Path, name: str, payload: dict[str, Any]) -> Path:
    """Write `payload` (tensors and plain data) as `folder`/`name`.pt with its digest, and remove all but the last two.

    Raises:
        OSError: it could not be written; what was there before is intact, and no temporary file is left.
    """
    path = folder / f"{name}.pt"
    temporary = path.with_name(path.name + ".tmp")
    try:
        digest = _write(temporary, payload)
        write_atomically(digest_path(path), f"{digest}  {path.name}\n".encode())
        temporary.replace(path)
        _sync_folder(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        last = list_checkpoints(folder)
        kept = f"{last[-1].name} is intact" if last else "there is none yet"
        raise OSError(
            error.errno,
            f"cannot write checkpoint {path}: {error.strerror or error}; the last checkpoint: {kept}. "
            "Free space or make the folder writable, and run the same command again to go on from there",
        ) from error
    for old in list_checkpoints(folder)[:-KEEP]:
        old.unlink()
        digest_path(old).unlink(missing_ok=True)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoint files in `folder`, from the oldest to the newest, verified or not."""
    return sorted(folder.glob("checkpoint-*.pt"), key=lambda path: (path.stem[:20], "unevaluated" not in path.stem))


def newest_intact(folder: Path) -> Path | None:
    """The newest checkpoint whose digest matches, or None where there are no checkpoints at all.

    A damaged one is reported and renamed to `*.damaged`; as a resume is exact, the result from the one before it is
    the same.

    Raises:
        ValueError: there are checkpoints, and all are damaged.
    """
    for leftover in [*folder.glob("*.tmp"), *(p for p in folder.glob("*.pt.sha256") if not p.with_suffix("").exists())]:
        leftover.unlink()
    damaged: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        problem = _problem(path)
        if problem is None:
            for name in damaged:
                (folder / name).rename(folder / f"{name}.damaged")
            return path
        damaged.append(path.name)
        _log.warning("checkpoint %s is damaged (%s): falling back to the one before it", path, problem)
    if damaged:
        raise ValueError(
            f"no checkpoint in {folder} is intact: {', '.join(damaged)} do not match their .sha256 files; "
            "restore one from a copy, or delete them to train from the beginning"
        )
    return None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The payload, its tensors on the CPU."""
    return torch.load(path, map_location="cpu", weights_only=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that its name holds either the old or the new content, whole.

    Raises:
        OSError: it could not be written; it names the file, which is as it was.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error


def _problem(path: Path) -> str | None:
    beside = digest_path(path)
    if not beside.exists():
        return f"{beside.name} is missing"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    recorded = beside.read_text(encoding="utf-8").split()[:1]
    return None if recorded == [found] else "its sha256 differs from the recorded one"


def digest_path(path: Path) -> Path:
    """Where the sha256 of a checkpoint stands."""
    return path.with_name(path.name + ".sha256")


def _write(path: Path, payload: dict[str, Any]) -> str:
    with path.open("wb") as file:
        sink = _HashingSink(file)
        torch.save(payload, cast("IO[bytes]", sink))
        if sink.error is not None:
            raise sink.error
        file.flush()
        os.fsync(file.fileno())
    return sink.digest.hexdigest()


class _HashingSink:
    """What torch.save writes to: it hashes what should arrive, so that a disk that corrupts is found at reading.

    It keeps an OSError for later, as PyTorch's zip writer turns one raised here into an unclear RuntimeError.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        self.digest.update(data)
        if self.error is None:
            try:
                self.file.write(data)
            except OSError as error:
                self.error = error
        return len(memoryview(data).cast("B"))

    def flush(self) -> None:
        pass


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
