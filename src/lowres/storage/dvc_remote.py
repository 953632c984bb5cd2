"""A folder that DVC keeps in a bucket, by its md5 and without DVC: pods have none.

DVC 3 stores a folder under `files/md5/` as one object `<md5>.dir`, a JSON list of the md5 and the path of every file,
beside one object per content. All of them are checked against their names on arrival.
"""

import hashlib
import json
import logging
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from boto3.session import Session

from lowres.storage.parallel import for_each
from lowres.storage.paths import check_paths
from lowres.storage.store import Store, open_store

MAX_LISTING_BYTES = 256 * 1024 * 1024

_CHUNK = 1024 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")
_FOLDER_MD5 = re.compile(r"[0-9a-f]{32}\.dir")
_PUSH = "run `dvc push` in the clone that has it"

log = logging.getLogger(__name__)


def open_remote(
    address: str,
    *,
    endpoint_url: str | None = None,
    session: Session | None = None,
    attempts: int = 10,
    backoff_s: float = 0.2,
    threads: int = 8,
) -> Store:
    """The store at a DVC remote's address; ValueError as `open_store`."""
    return open_store(
        address,
        endpoint_url=endpoint_url,
        checksums=None,
        threads=threads,
        attempts=attempts,
        backoff_s=backoff_s,
        timeout_s=30.0,
        session=session,
    )


def has_folder(store: Store, md5: str) -> bool:
    """Whether the remote knows the folder with that md5; its files are not looked up."""
    return store.size(_key(md5)) is not None


def look_up_folder(store: Store, md5: str, *, threads: int = 8) -> dict[str, tuple[str, int]]:
    """The md5 and the size in bytes of every file of a folder, by relative path.

    Raises:
        ValueError: `md5` names no folder, the folder or one of its files is not in the bucket, or the list is damaged.
    """
    listing = _listing(store, md5)
    contents = sorted(set(listing.values()))
    found = for_each(lambda md5: store.size(_key(md5)), contents, threads=threads, stop=store.retry.stop)
    missing = [md5 for md5, size in zip(contents, found) if size is None]
    if missing:
        raise ValueError(
            f"{store.name(_key(missing[0]))}: no such object, and {len(missing) - 1} more of the {len(contents)} that "
            f"{md5} names; {_PUSH}"
        )
    sizes = dict(zip(contents, found))
    return {path: (md5, sizes[md5] or 0) for path, md5 in listing.items()}


def fetch_folder(store: Store, md5: str, folder: Path, *, threads: int = 8) -> dict[str, Any]:
    """Make `folder`, which must not exist, the one with that md5: whole and checked, or not there at all.

    The report holds `files`, `bytes`, `retries`, `seconds`.

    Raises:
        ValueError: as `look_up_folder`; content that differs from its md5; no room on the disk.
    """
    began = time.monotonic()
    files = look_up_folder(store, md5, threads=threads)
    wanted = sum(size for _, size in files.values())
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if wanted > free:
        raise ValueError(f"{folder}: needs {wanted / 1e9:.3g} GB, the disk has {free / 1e9:.3g} GB free; make room")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        work = Path(scratch) / "whole"
        for path in files:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
        for_each(lambda path: _fetch(store, files[path][0], work / path), files, threads=threads, stop=store.retry.stop)
        work.replace(folder)
    seconds = round(time.monotonic() - began, 2)
    log.info("%s: %d files, %.3g MB, every md5 is right", md5, len(files), wanted / 1e6)
    return {"files": len(files), "bytes": wanted, "retries": store.retry.count, "seconds": seconds}


def _key(md5: str) -> str:
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def _listing(store: Store, md5: str) -> dict[str, str]:
    """The md5 of every file of a folder by its path; a list that is not what its name says is refused."""
    if not _FOLDER_MD5.fullmatch(md5):
        raise ValueError(f"md5 {md5!r} names no folder; it has 32 hex digits and .dir, as in dvc.lock")
    where = store.name(_key(md5))
    data = store.read_small(_key(md5), max_bytes=MAX_LISTING_BYTES)
    if data is None:
        raise ValueError(f"{where}: no such object; {_PUSH}")
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5.removesuffix(".dir"):
        raise ValueError(f"{where}: damaged, its content has another md5; remove it and {_PUSH}")
    try:
        listing = {row["relpath"]: row["md5"] for row in json.loads(data)}
        whole = all(isinstance(path, str) and _MD5.fullmatch(md5) for path, md5 in listing.items())
    except (ValueError, TypeError, KeyError, RecursionError):
        whole, listing = False, {}
    if not whole or not listing:
        raise ValueError(f"{where}: is no list of md5 and relpath; {_PUSH}")
    check_paths(listing, where=where)
    return listing


def _fetch(store: Store, md5: str, file: Path) -> None:
    key = _key(md5)
    digest = hashlib.md5(usedforsecurity=False)
    with file.open("wb") as opened:

        def request() -> None:
            nonlocal digest
            first, whole, chunks = store.read_from(key, opened.tell(), chunk_bytes=_CHUNK)
            if first != opened.tell():
                opened.seek(0)
                opened.truncate()
                digest = hashlib.md5(usedforsecurity=False)
            for chunk in chunks:
                opened.write(chunk)
                digest.update(chunk)
            if opened.tell() < whole:
                raise ConnectionError("the answer ended early")

        store.retry.run(request, doing=f"read {store.name(key)}")
    if digest.hexdigest() != md5:
        raise ValueError(f"{store.name(key)}: damaged, its content has another md5; remove it and {_PUSH}")
