"""How much of a transfer is done: bytes moved, bytes that were there already, bytes left."""

import threading
from collections.abc import Callable

OnProgress = Callable[[int, int], None]  # bytes moved so far, bytes left


class Tally:
    """Counts from several threads and tells `on_progress` after each step."""

    def __init__(self, total_bytes: int, on_progress: OnProgress) -> None:
        self.moved = 0
        self.there = 0
        self._total = total_bytes
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def add(self, *, moved: int = 0, there: int = 0) -> None:
        """Count bytes that went over the network, or that did not need to."""
        with self._lock:
            self.moved += moved
            self.there += there
            self._on_progress(self.moved, max(0, self._total - self.moved - self.there))
