"""One object becomes one file: fetched under a temporary name, checked, synced, renamed.

The temporary name holds the wanted sha256, so what a killed pull left is continued for the same content only. Its bytes
are hashed again before the rest is asked for. Nothing gets its final name before its sha256 is right.
"""

import hashlib
import os
from pathlib import Path
from typing import IO

from lowres.storage.content import sha256_of
from lowres.storage.errors import REMOTE_ERRORS, is_transient
from lowres.storage.manifest import Entry
from lowres.storage.paths import PART_SUFFIX
from lowres.storage.store import Store
from lowres.storage.tally import Tally

_CHUNK = 1024 * 1024


def part_path(final: Path, entry: Entry) -> Path:
    """Where an unfinished download lies: beside the file, its name as short for a long one."""
    name = hashlib.sha256(final.name.encode()).hexdigest()
    return final.with_name(f".{name[:16]}-{entry.sha256[:16]}{PART_SUFFIX}")


def has_content(file: Path, entry: Entry) -> bool:
    """Whether the file is there with the entry's size and sha256."""
    if not file.is_file() or file.stat().st_size != entry.bytes:
        return False
    return sha256_of(file) == entry.sha256


def download(store: Store, entry: Entry, final: Path, *, tally: Tally) -> None:
    """Fetch an object to `final`, whose folder exists; a content that differs is fetched once more, then refused.

    Raises:
        ValueError: the object differs from the manifest, or the service refuses; nothing is under the name then.
    """
    part = part_path(final, entry)
    got = ""
    for _ in range(2):
        with part.open("a+b") as file:
            got = _Fetch(store, entry, file, tally).sha256()
            file.flush()
            os.fsync(file.fileno())
        if got == entry.sha256:
            try:
                part.replace(final)
            except FileNotFoundError:
                raise ValueError(
                    f"{final}: its part was removed while it was fetched; pull again when nothing else writes there"
                ) from None
            _sync_folder(final.parent)
            return
        part.unlink(missing_ok=True)
        store.retry.note()
    raise ValueError(
        f"{store.name(entry.path)}: damaged, sha256 {got[:12]}... instead of {entry.sha256[:12]}... of the manifest; "
        "refused, push the folder again (if that finds nothing to send: lowres data push --resend)"
    )


class _Fetch:
    def __init__(self, store: Store, entry: Entry, file: IO[bytes], tally: Tally) -> None:
        self._store = store
        self._entry = entry
        self._file = file
        self._tally = tally
        self._digest = hashlib.sha256()
        self._have = 0

    def sha256(self) -> str:
        """The hash of the whole file, fetched as far as it was missing."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            self._take(chunk)
        if self._have > self._entry.bytes:
            self._restart()
        self._tally.add(there=self._have)
        doing = f"read {self._store.name(self._entry.path)}"
        while self._have < self._entry.bytes:
            self._store.retry.run(self._request, doing=doing)
        return self._digest.hexdigest()

    def _request(self) -> None:
        """Ask for what is missing. One that breaks off after a chunk is no failed try: the next asks for the rest."""
        before = self._have
        try:
            first, whole, chunks = self._store.read_from(self._entry.path, before, chunk_bytes=_CHUNK)
            if whole != self._entry.bytes:
                raise ValueError(
                    f"{self._store.name(self._entry.path)}: has {whole} bytes, the manifest says {self._entry.bytes}; "
                    "refused, push the folder again"
                )
            if first != before:
                self._restart()
            for chunk in chunks:
                self._file.write(chunk)
                self._take(chunk)
                self._tally.add(moved=len(chunk))
                if self._have > self._entry.bytes or self._store.retry.stop.is_set():
                    return
        except REMOTE_ERRORS as error:
            if not is_transient(error) or self._have < before + _CHUNK:
                raise
            self._store.retry.note()

    def _take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._have += len(chunk)

    def _restart(self) -> None:
        self._file.truncate(0)
        self._digest, self._have = hashlib.sha256(), 0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
