"""Threads that take turns where together they would take too much memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
            with self._changed:
                self._taken -= wanted_bytes
                self._changed.notify_all()
