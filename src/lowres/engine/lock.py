"""One process per output folder.

A POSIX record lock (fcntl.lockf): forked data-loader workers do not inherit it, and the kernel releases it when its
holder dies, SIGKILL included, so a stale lock file is no obstacle. The file's text (process and host) serves the
error message only.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held_here: set[Path] = set()  # a process's own second handle would get the lock, and release it when closed


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder`, which is made where missing, until the end of the block.

    Raises:
        ValueError: another process, or another thread of this one, holds it; it names the process and its host.
        OSError: the folder cannot be written to.
    """
    path = folder.resolve() / "lock"
    remedy = "wait for it, stop it, or choose another folder"
    if path in _held_here:
        raise ValueError(f"{folder} is in use by this process ({os.getpid()}); {remedy}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OSError(
            error.errno, f"cannot write to {folder}: {error.strerror}; make it writable or choose another folder"
        ) from error
    with opened as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise ValueError(f"{folder} is in use by {holder}; {remedy}") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        _held_here.add(path)
        try:
            yield
        finally:
            _held_here.discard(path)
