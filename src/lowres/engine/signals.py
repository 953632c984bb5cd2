"""SIGTERM and SIGINT as a flag: the loop finishes its step, saves, and exits with 128 plus the signal's number.

A pipeline records an exit code of 0 after SIGTERM as success, which is why the code is 143. Worker processes of a
data loader should ignore both signals: a signal sent to the whole process group would end them first.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_received = 0


def stop_requested() -> bool:
    """Whether SIGTERM or SIGINT arrived inside `catch_stop_signals`. Evaluation code may poll it and return early."""
    return _received != 0


def received_signal() -> int:
    """The number of the signal that asked to stop, or 0."""
    return _received


@contextmanager
def catch_stop_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into the flag until the end of the block; outside the main thread, do nothing."""
    global _received
    _received = 0
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _note(number: int, frame: FrameType | None) -> None:
    global _received
    _received = _received or number
