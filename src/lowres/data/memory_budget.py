"""Threads that take turns where together they would take too much memory."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LARGE_BYTES = 32_000_000
"""From here on it is worth the milliseconds to give back what was freed."""


class MemoryBudget:
    """Bytes for all threads together. Who wants more than there are waits until nobody has any, and is alone then.

    A thread that holds some must not ask for more: two of them could wait for each other.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, wanted_bytes: int) -> Iterator[None]:
        """Holds the bytes for the time of the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + wanted_bytes <= self._total)
            self._taken += wanted_bytes
        try:
            yield
        finally:
            if wanted_bytes >= LARGE_BYTES:
                give_back_what_is_free()
            with self._changed:
                self._taken -= wanted_bytes
                self._changed.notify_all()


def give_back_what_is_free() -> None:
    """Of Pillow's blocks of 16 MB glibc keeps what is freed, for each thread by itself, while others want memory."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other systems have none, and keep less
    if trim is not None:
        trim(0)
