"""Folders copied to a bucket in the background, each whole or not there: a second place for checkpoints.

`s3://bucket/prefix/NAME/` is a pushed folder, as `push_folder` leaves it: its manifest comes last and names a sha256
for every file. Names sort in the order in which folders are made. The last two stay, and what was just sent; older ones
are removed, manifest first.

Whoever hands a folder over never waits. What fails is told once, and once more when it works again; the next folder is
another try. Resumes that depend on the mirror look at what is in the bucket, never at what was told.
"""

import logging
import shutil
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lowres.storage.paths import MANIFEST
from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder
from lowres.storage.retry import StoppedError
from lowres.storage.store import open_store

KEEP = 2
# Kubernetes gives a pod 30 s between SIGTERM and SIGKILL: this, and the longest request that cannot be interrupted.
WAIT_AFTER_STOP_S = 10.0
WAIT_AT_END_S = 600.0
_log = logging.getLogger(__name__)


class S3Mirror:
    """The folders of one run at `s3://bucket/prefix`; a context, which at its end waits for what is on its way.

    It waits up to ten minutes after work that ended well, else ten seconds.

    Raises:
        ValueError: a wrong address or endpoint, on making it; nothing later.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint_url: str | None = None,
        threads: int = 2,
        attempts: int = 5,
        backoff_s: float = 0.5,
        timeout_s: float = 10.0,
    ) -> None:
        self._address = address.rstrip("/")
        self._stop = threading.Event()
        self._options: dict[str, Any] = {"endpoint_url": endpoint_url, "threads": threads, "attempts": attempts}
        self._options |= {"backoff_s": backoff_s, "timeout_s": timeout_s}
        self._store = open_store(self._address, checksums=None, stop=self._stop, **self._options)
        self._changed = threading.Condition()
        self._next: Path | None = None
        self._ending = False
        self._failing = False
        # A daemon: a bucket that does not answer must not keep a process alive.
        self._thread = threading.Thread(target=self._send_all, name="checkpoint-mirror", daemon=True)

    def names(self) -> list[str]:
        """The folders that are whole in the bucket, newest first; none where it cannot be reached."""
        try:
            return _whole(self._store.sizes())
        except (ValueError, OSError) as error:
            self._failed(error)
            return []

    def fetch(self, name: str, folder: Path) -> bool:
        """Make `folder` hold the files of a copy; False where one is missing or differs from its sha256."""
        try:
            pull_folder(f"{self._address}/{name}", folder, **self._options)
        except (ValueError, OSError) as error:
            _log.warning("mirror: %s", error)
            return False
        return True

    def keep(self, staged: Path) -> None:
        """Send `staged` as soon as the one before has ended, then remove it; a later one takes its place."""
        with self._changed:
            replaced, self._next = self._next, staged
            self._changed.notify()
        if replaced is not None:
            shutil.rmtree(replaced, ignore_errors=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(WAIT_AT_END_S if kind is None else WAIT_AFTER_STOP_S)
        if self._thread.is_alive():
            self._stop.set()
            _log.warning("mirror %s: the last checkpoint was still on its way and is not there", self._address)

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._ending)
                staged, self._next = self._next, None
            if staged is None:
                return
            try:
                push_folder(staged, f"{self._address}/{staged.name}", stop=self._stop, **self._options)
                self._remove_old(but=staged.name)
            except StoppedError:
                return
            except (ValueError, OSError) as error:
                self._failed(error)
            else:
                self._works()
            finally:
                shutil.rmtree(staged, ignore_errors=True)

    def _remove_old(self, *, but: str) -> None:
        """Keep `but` too: it is older where a damaged copy of the last ones made work begin before them."""
        sizes = self._store.sizes()
        whole = _whole(sizes)
        if len(whole) < KEEP:
            return
        old = [path for path in sizes if path.split("/")[0] < whole[KEEP - 1] and path.split("/")[0] != but]
        for path in sorted(old, key=lambda path: not path.endswith(MANIFEST)):
            self._store.remove(path)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            _log.warning("mirror: %s; training goes on, and this is said once until it works again", error)
        self._failing = True

    def _works(self) -> None:
        if self._failing:
            _log.info("mirror %s: works again", self._address)
        self._failing = False


def _whole(sizes: dict[str, int]) -> list[str]:
    """Names below which a manifest lies, newest first."""
    return sorted(path.split("/")[0] for path in sizes if path.count("/") == 1 and path.endswith(MANIFEST))[::-1]
