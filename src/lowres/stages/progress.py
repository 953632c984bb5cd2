"""Counting work on the terminal: a bar where there is one, now and then a line where there is not."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def counting(label: str, total: int, *, line_every_s: float = 10.0) -> Iterator[Callable[..., None]]:
    """A function to call with the number done (a total after it is ignored)."""
    if sys.stderr.isatty():
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda done, *_: bar.update(task, completed=done)
        return
    began = last = time.monotonic()

    def line(done: int, *_: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= line_every_s and done:
            last = now
            print(f"{label}  {done}/{total}  eta {(total - done) * (now - began) / done:.0f} s", flush=True)

    yield line
    print(f"{label}  {total} in {time.monotonic() - began:.1f} s", flush=True)
