"""Progress on the error stream: a bar on a terminal, otherwise one plain line every ten seconds."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

LINE_EVERY_SECONDS = 10.0
WINDOW_STEPS = 50


class Progress:
    """The speed of the last 50 steps, and what is left at that speed. `shown` is false on all ranks but the first."""

    def __init__(self, *, label: str, total_steps: int, step: int, shown: bool) -> None:
        self.label = label
        self.total_steps = total_steps
        self.step = step
        self._window: deque[tuple[float, float, int]] = deque(maxlen=WINDOW_STEPS)  # seconds, of them for data, images
        self._printed_at = -float("inf")
        self._shown = shown
        self._bar: RichProgress | None = None
        if shown and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[text]}"))
            self._bar = RichProgress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(label, total=total_steps, completed=step, text="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def images_per_second(self) -> float:
        """Over the window; 0 before the first step."""
        seconds = sum(entry[0] for entry in self._window)
        return sum(entry[2] for entry in self._window) / seconds if seconds > 0 else 0.0

    @property
    def data_wait_fraction(self) -> float:
        """Which part of the window's time went into waiting for data, in [0, 1]."""
        seconds = sum(entry[0] for entry in self._window)
        return sum(entry[1] for entry in self._window) / seconds if seconds > 0 else 0.0

    def advance(
        self, seconds: float, data_seconds: float, images: int, *, loss: float, terms: dict[str, float], lr: float
    ) -> None:
        """Take in one finished step, and show it where it is time."""
        self.step += 1
        self._window.append((seconds, data_seconds, images))
        now = time.monotonic()
        is_last = self.step == self.total_steps
        if not self._shown or (self._bar is None and now - self._printed_at < LINE_EVERY_SECONDS and not is_last):
            return
        self._printed_at = now
        left = (self.total_steps - self.step) * sum(entry[0] for entry in self._window) / len(self._window)
        shown_terms = "  ".join(f"{name} {value:.3g}" for name, value in terms.items())
        text = (
            f"step {self.step}/{self.total_steps}  eta {format_seconds(left)}  {self.images_per_second:.3g} img/s  "
            f"data {self.data_wait_fraction:.0%}  loss {loss:.4g}  {shown_terms}  lr {lr:.2g}"
        )
        if self._bar is not None:
            self._bar.update(self._task, completed=self.step, text=text)
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """One line with the label before it."""
        if not self._shown:
            return
        if self._bar is not None:
            self._bar.console.print(f"{self.label}  {text}", highlight=False, markup=False)
        else:
            print(f"{self.label}  {text}", file=sys.stderr, flush=True)


def format_seconds(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: `03:20`, `1:03:20`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"
