"""Pull a pushed folder from a bucket: what the manifest names and the folder lacks, each file whole or not at all.

A pull that was killed goes on where it was: finished files are recognised by their sha256, unfinished ones continue by
range. Files that the manifest does not name are left alone and counted.
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from boto3.session import Session

from lowres.storage.download import download, has_content, part_path
from lowres.storage.manifest import MAX_MANIFEST_BYTES, Entry, decode_manifest
from lowres.storage.parallel import for_each
from lowres.storage.paths import MANIFEST, PART_SUFFIX
from lowres.storage.store import Checksums, open_store
from lowres.storage.tally import OnProgress, Tally


def pull_folder(
    address: str,
    folder: Path,
    *,
    endpoint_url: str | None = None,
    checksums: Checksums | None = None,
    threads: int = 8,
    max_files: int = 1_000_000,
    max_bytes: float = 1e12,
    attempts: int = 10,
    backoff_s: float = 0.2,
    timeout_s: float = 30.0,
    session: Session | None = None,
    on_progress: OnProgress = lambda moved, left: None,
) -> dict[str, Any]:
    """Make `folder` hold every file of the manifest at `s3://bucket/prefix`, with its sha256, and report.

    The report holds `files`, `fetched`, `already_there`, `bytes`, `bytes_fetched`, `not_in_manifest`, `retries`,
    `seconds`. `timeout_s` bounds a wait for the service, not a transfer. `session` holds credentials of another origin
    than AWS's variables.

    Raises:
        ValueError: no manifest, one that is damaged or names what may not be written, a file that differs from it, no
            room on the disk, another pull into the folder, or what the service refuses.
    """
    began = time.monotonic()
    store = open_store(
        address,
        endpoint_url=endpoint_url,
        checksums=checksums,
        threads=threads,
        attempts=attempts,
        backoff_s=backoff_s,
        timeout_s=timeout_s,
        session=session,
    )
    where = store.name(MANIFEST)
    data = store.read_small(MANIFEST, max_bytes=MAX_MANIFEST_BYTES)
    if data is None:
        raise ValueError(f"{where}: no such object; nothing was pushed there, or a push has not ended")
    entries = decode_manifest(data, where=where, max_files=max_files, max_bytes=max_bytes)
    folder.mkdir(parents=True, exist_ok=True)
    there: list[str] = []
    tally = Tally(sum(entry.bytes for entry in entries), on_progress)

    def fetch(entry: Entry) -> None:
        final = folder / entry.path
        if has_content(final, entry):
            there.append(entry.path)
            tally.add(there=entry.bytes)
        else:
            download(store, entry, final, tally=tally)

    with _only_pull(folder):
        _make_folders(folder, entries)
        _check_room(folder, entries)
        for_each(fetch, entries, threads=threads, stop=store.retry.stop)
        others = _others(folder, entries)
    return {
        "files": len(entries),
        "fetched": len(entries) - len(there),
        "already_there": len(there),
        "bytes": sum(entry.bytes for entry in entries),
        "bytes_fetched": tally.moved,
        "not_in_manifest": others,
        "retries": store.retry.count,
        "seconds": round(time.monotonic() - began, 2),
    }


@contextmanager
def _only_pull(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, which leaves no file behind and ends with the process."""
    with ExitStack() as held:
        if not _lock(folder, held):
            raise ValueError(f"{folder}: another pull writes to it; wait for it, or choose another folder")
        yield


def _lock(folder: Path, held: ExitStack) -> bool:
    """Whether no other pull writes to the folder; then it is locked until `held` is left."""
    handle = os.open(folder, os.O_RDONLY)
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_folders(folder: Path, entries: list[Entry]) -> None:
    """Make the folders of all files; a link among them could lead outside and is refused before anything is fetched."""
    for parent in sorted({parent for entry in entries for parent in Path(entry.path).parents}):
        path = folder / parent
        if parent != Path() and path.is_symlink():
            raise ValueError(
                f"{path}: is a link; pull writes into real folders only, remove it or choose another folder"
            )
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path}: is a file where the manifest has a folder; remove it or choose another folder")
        path.mkdir(exist_ok=True)
        if parent != Path():
            with _only_pull(path):  # nor does one into a folder below write what this one writes
                pass
    for entry in entries:
        final = folder / entry.path
        if final.is_dir():
            raise ValueError(f"{final}: is a folder where the manifest has a file; remove it or choose another folder")
        if part_path(final, entry).is_symlink():  # ours never is, and opening it would write elsewhere
            part_path(final, entry).unlink()


def _check_room(folder: Path, entries: list[Entry]) -> None:
    missing = sum(entry.bytes - _size_of_either(folder / entry.path, entry) for entry in entries)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise ValueError(
            f"{folder}: {missing / 1e9:.3g} GB are missing, the disk has {free / 1e9:.3g} GB free; make room"
        )


def _size_of_either(final: Path, entry: Entry) -> int:
    """Bytes that need no room any more: the file where its size is right, or what was fetched of it."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in (final, part_path(final, entry))]
    return entry.bytes if sizes[0] == entry.bytes else min(sizes[1], entry.bytes)


def _others(folder: Path, entries: list[Entry]) -> int:
    """Count the files that the manifest does not name; what pulls of other contents left unfinished is removed."""
    named = {entry.path for entry in entries}
    count = 0
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if name.endswith(PART_SUFFIX) and stat.S_ISREG(path.lstat().st_mode):
                _remove_left_part(path, folder)
            else:
                count += path.relative_to(folder).as_posix() not in named
    return count


def _remove_left_part(part: Path, folder: Path) -> None:
    """Remove it unless a pull is at work in a folder below this pull's: then the part may be its."""
    with ExitStack() as held:
        below = part.relative_to(folder).parents[:-1]
        if all(_lock(folder / inner, held) for inner in below):
            part.unlink(missing_ok=True)
