"""Push a folder to a bucket: its files under their own names, then the manifest that makes them a whole.

What the bucket has already is not sent again, so a push that was killed goes on where it was: an object with the right
size, the right sha256 in its metadata and, where the service keeps one, the right CRC32; and of an unfinished upload
the parts, where the service's own checksum or MD5 of each is the file's. With a service that keeps no CRC32 a damaged
object looks sound; `resend` sends all. The manifest comes last: `pull` sees the old one or the new one, never
a promise of what is not there.
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lowres.storage.content import is_part, sha256_and_crc32, sha256_of
from lowres.storage.manifest import Entry, encode_manifest
from lowres.storage.parallel import for_each
from lowres.storage.paths import MANIFEST, check_paths
from lowres.storage.store import Checksums, Noted, Store, open_store
from lowres.storage.tally import OnProgress, Tally

PART_BYTES = 16 * 1024 * 1024
MAX_PARTS = 10_000
MAX_UPLOADS_LOOKED_AT = 4


def push_folder(
    folder: Path,
    address: str,
    *,
    endpoint_url: str | None = None,
    checksums: Checksums | None = None,
    threads: int = 8,
    part_bytes: int = PART_BYTES,
    resend: bool = False,
    attempts: int = 10,
    backoff_s: float = 0.2,
    timeout_s: float = 30.0,
    on_progress: OnProgress = lambda moved, left: None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Copy every file of `folder` below `s3://bucket/prefix`, and report.

    The report holds `files`, `sent`, `already_there`, `bytes`, `bytes_sent`, `retries`, `seconds`. Files above
    `part_bytes` go in parts; at most 2 x `threads` parts are in memory. With `resend`, what the bucket has is sent
    again. `timeout_s` bounds a wait for the service, not
    a transfer. Objects of earlier pushes that the folder has no more stay in the bucket, outside of the manifest.

    Raises:
        StoppedError: `stop` was set meanwhile.
        ValueError: nothing to push, a file that may not travel or changes meanwhile, or what the service refuses.
    """
    began = time.monotonic()
    if part_bytes < 1:
        raise ValueError(f"part_bytes is {part_bytes}; it must be at least 1 (S3 itself wants 5 MiB or more)")
    sizes = _files(folder)
    store = open_store(
        address,
        endpoint_url=endpoint_url,
        checksums=checksums,
        threads=threads,
        attempts=attempts,
        backoff_s=backoff_s,
        timeout_s=timeout_s,
        stop=stop,
    )
    tally = Tally(sum(sizes.values()), on_progress)
    remote = {} if resend else store.sizes()
    part_pool = ThreadPoolExecutor(threads)
    push = _Push(folder, store, tally, remote=remote, part_bytes=part_bytes, part_pool=part_pool, go_on=not resend)
    try:
        with part_pool:
            entries = for_each(push.file, sizes, threads=threads, stop=store.retry.stop)
    finally:
        push.abort_unfinished()  # now that no part is on its way: one that arrives later would stay in the bucket
    manifest = encode_manifest(entries)
    store.put(MANIFEST, manifest, sha256=hashlib.sha256(manifest).hexdigest())
    return {
        "files": len(entries),
        "sent": len(entries) - push.already_there,
        "already_there": push.already_there,
        "bytes": sum(entry.bytes for entry in entries),
        "bytes_sent": tally.moved,
        "retries": store.retry.count,
        "seconds": round(time.monotonic() - began, 2),
    }


def _files(folder: Path) -> dict[str, int]:
    """Size of every file below the folder, by relative path, in order."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; name the folder to push (`lowres prepare` writes outputs/data)")
    sizes = {path.relative_to(folder).as_posix(): size for path, size in _walk(folder)}
    if not sizes:
        raise ValueError(f"{folder}: has no files; there is nothing to push")
    check_paths(sizes, where=str(folder))
    return dict(sorted(sizes.items()))


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.iterdir():
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(path)
        elif stat.S_ISREG(status.st_mode):
            yield path, status.st_size
        else:
            kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            raise ValueError(f"{path}: is {kind}; push takes files only, put a copy in its place or remove it")


class _Push:
    def __init__(
        self,
        folder: Path,
        store: Store,
        tally: Tally,
        *,
        remote: dict[str, int],
        part_bytes: int,
        part_pool: ThreadPoolExecutor,
        go_on: bool,
    ) -> None:
        self._folder = folder
        self._store = store
        self._tally = tally
        self._remote = remote
        self._part_bytes = part_bytes
        self._part_pool = part_pool
        self._go_on = go_on
        self._there: list[str] = []
        self._unfinished: dict[str, str] = {}  # uploads by path

    @property
    def already_there(self) -> int:
        return len(self._there)

    def file(self, path: str) -> Entry:
        """Send one file unless the bucket has it."""
        file = self._folder / path
        before = file.stat()
        noted = self._store.noted(path) if self._remote.get(path) == before.st_size else Noted()
        sha256, same = self._compare(file, before.st_size, noted)
        if same:
            self._there.append(path)
            self._tally.add(there=before.st_size)
        elif before.st_size <= self._part_bytes:
            data = file.read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise _changed(file)
            self._store.put(path, data, sha256=sha256)
            self._tally.add(moved=len(data))
        else:
            self._in_parts(path, before, sha256)
        return Entry(path=path, bytes=before.st_size, sha256=sha256)

    def abort_unfinished(self) -> None:
        """Give up the uploads that were not completed, once the transfer has stopped."""
        for path, upload in self._unfinished.items():
            self._store.abort(path, upload)

    def _compare(self, file: Path, size: int, noted: Noted) -> tuple[str, bool]:
        """The file's sha256, and whether it is what was noted of the object."""
        part_bytes = self._part_bytes_of(size)
        if not noted.crc32 or noted.parts not in (None, -(-size // part_bytes)):
            sha256 = sha256_of(file)
            return sha256, sha256 == noted.sha256
        sha256, crc32 = sha256_and_crc32(file, part_bytes=None if noted.parts is None else part_bytes)
        return sha256, (sha256, crc32) == (noted.sha256, noted.crc32)

    def _part_bytes_of(self, size: int) -> int:
        return max(self._part_bytes, -(-size // MAX_PARTS))

    def _in_parts(self, path: str, before: os.stat_result, sha256: str) -> None:
        upload, there = self._left(path, before.st_size)
        if there:
            self._send_parts(path, before, upload, there, sha256=sha256)
            if self._store.noted(path).sha256 == sha256:
                return
            # The upload was begun for other content with the same first parts, and that one's sha256 stays noted.
        self._send_parts(path, before, self._store.begin(path, sha256=sha256), {}, sha256=sha256)

    def _left(self, path: str, size: int) -> tuple[str, dict[int, dict[str, Any]]]:
        """An upload that an earlier push did not end, and its parts by number; all of them are the file's."""
        for upload in self._store.unfinished(path)[:MAX_UPLOADS_LOOKED_AT] if self._go_on else []:
            there = {part["PartNumber"]: part for part in self._store.parts(path, upload)}
            if there and all(is_part(self._part(path, number, size), part) for number, part in there.items()):
                return upload, there
        return "", {}

    def _part(self, path: str, number: int, size: int) -> bytes:
        """Part `number`, from 1, of a file of this size; empty beyond its end."""
        part_bytes = self._part_bytes_of(size)
        with (self._folder / path).open("rb") as opened:
            opened.seek((number - 1) * part_bytes)
            return opened.read(part_bytes)

    def _send_parts(
        self, path: str, before: os.stat_result, upload: str, there: dict[int, dict[str, Any]], *, sha256: str
    ) -> None:
        """Send the parts that are not there, and put all of them together."""
        file, size = self._folder / path, before.st_size
        part_bytes = self._part_bytes_of(size)
        self._unfinished[path] = upload
        self._tally.add(there=sum(part["Size"] for part in there.values()))

        def send(number: int) -> dict[str, Any]:
            if number in there or self._store.retry.stop.is_set():
                return there.get(number, {})
            data = self._part(path, number, size)
            if len(data) != min(part_bytes, size - (number - 1) * part_bytes):
                raise _changed(file)
            part = self._store.put_part(path, upload, number, data)
            self._tally.add(moved=len(data))
            return part

        futures = [self._part_pool.submit(send, number) for number in range(1, -(-size // part_bytes) + 1)]
        parts = [future.result() for future in futures]
        after = file.stat()
        if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
            raise _changed(file)
        self._store.complete(path, upload, parts, sha256=sha256)
        del self._unfinished[path]


def _changed(file: Path) -> ValueError:
    return ValueError(f"{file}: changed while it was pushed; push again when nothing writes to it")
