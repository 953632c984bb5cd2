"""Processes of their own for the tests to kill: forked from a server that has imported PyTorch once, as that takes seconds."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tiny_task import run_tiny

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["lowres.engine.train", "torch.utils.data", "torch.distributed"])


def start(target: Callable[..., None], *arguments: Any, **options: Any) -> BaseProcess:
    process = _server.Process(target=target, args=arguments, kwargs=options)
    process.start()
    return process


def start_tiny(folder: Path, *, workers: int, steps: int, checkpoint_minutes: float = 0.0) -> BaseProcess:
    options = {"workers": workers, "steps": steps, "checkpoint_minutes": checkpoint_minutes, "pause": 0.01}
    return start(run_tiny, folder, **options)


def exit_code(process: BaseProcess, *, within_seconds: float = 60.0) -> int:
    process.join(within_seconds)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"still running after {within_seconds} s")
    return process.exitcode


def wait_for_a_step(process: BaseProcess, folder: Path) -> None:
    """Return when this process has finished a step, or has ended."""
    history = folder / "history.jsonl"
    before = history.stat().st_mtime_ns if history.exists() else 0
    deadline = time.monotonic() + 60.0
    while process.is_alive() and not (
        history.exists() and history.stat().st_mtime_ns > before and history.stat().st_size
    ):
        assert time.monotonic() < deadline, "no step in a minute"
        time.sleep(0.005)
