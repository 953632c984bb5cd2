"""A transfer on the error stream: what is done, MB/s, time left; a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from lowres.storage.tally import OnProgress

LINE_EVERY_S = 10.0


@contextmanager
def transferring(label: str, *, line_every_s: float = LINE_EVERY_S) -> Iterator[OnProgress]:
    """A function to call with the bytes moved and the bytes left; calls must come one at a time, as a tally's do."""
    began = last = time.monotonic()
    if sys.stderr.isatty():
        columns = (TextColumn(label), BarColumn(), TextColumn("{task.fields[text]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=None, text="")

            def show(moved: int, left: int) -> None:
                text = transfer_text(moved, left, time.monotonic() - began)
                bar.update(task, completed=moved, total=moved + left, text=text)

            yield show
        return

    def line(moved: int, left: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= line_every_s or not left:
            last = now
            print(f"{label}  {transfer_text(moved, left, now - began)}", file=sys.stderr, flush=True)

    yield line


def transfer_text(moved: int, left: int, seconds: float) -> str:
    """'12.0/48.0 MB  4.0 MB/s  eta 9 s'; the speed is of what moved, over the whole time."""
    speed = moved / seconds if seconds > 0 else 0.0
    eta = f"eta {left / speed:.0f} s" if speed and left else "eta -" if left else f"{seconds:.0f} s"
    return f"{moved / 1e6:.1f}/{(moved + left) / 1e6:.1f} MB  {speed / 1e6:.1f} MB/s  {eta}"
