"""One policy of trying again, for every request: exponential back-off with full jitter, and a way to stop them all.

The delay before try n + 1 is uniform in [0, min(cap, base * 2^(n - 1))] ("Exponential Backoff And Jitter", AWS
Architecture Blog, 2015): clients that failed together do not come back together.
"""

import logging
import random
import threading
from collections.abc import Callable
from typing import TypeVar

from lowres.storage.errors import REMOTE_ERRORS, UNREACHABLE_ATTEMPTS, EndpointConnectionError, explained, is_transient

log = logging.getLogger(__name__)

Result = TypeVar("Result")
MAX_DELAY_S = 20.0


class StoppedError(Exception):
    """Another file of the same transfer failed, and this one was told to end."""


class Retry:
    """Runs requests until they succeed, for several threads at once; `count` says how often one was repeated."""

    def __init__(self, *, attempts: int, backoff_s: float, stop: threading.Event | None = None) -> None:
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}; it must be at least 1")
        self.stop = threading.Event() if stop is None else stop
        self.count = 0
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._lock = threading.Lock()
        self._random = random.Random()

    def run(self, call: Callable[[], Result], *, doing: str) -> Result:
        """What `call` returns, trying again where an error may pass.

        Raises:
            ValueError: an error that does not pass, or the last of the attempts; it begins with `doing`.
            StoppedError: `stop` was set meanwhile.
        """
        attempt = 0
        while True:
            if self.stop.is_set():
                raise StoppedError
            attempt += 1
            try:
                return call()
            except REMOTE_ERRORS as error:
                allowed = self._attempts
                if isinstance(error, EndpointConnectionError):
                    allowed = min(allowed, UNREACHABLE_ATTEMPTS)
                if not is_transient(error) or attempt >= allowed:
                    # None: the service's own text stays out of tracebacks too
                    raise explained(error, doing=doing, attempts=attempt) from None
                kind = type(error).__name__
            self.note()
            delay_s = self._random.uniform(0, min(MAX_DELAY_S, self._backoff_s * 2 ** (attempt - 1)))
            if attempt >= 3:
                log.info("%s: %s, try %d of %d in %.1f s", doing, kind, attempt + 1, allowed, delay_s)
            self.stop.wait(delay_s)

    def note(self) -> None:
        """Count a repetition that was made outside of `run`."""
        with self._lock:
            self.count += 1
