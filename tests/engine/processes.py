"""Processes of their own for the tests to kill: forked from a server that has imported PyTorch once, as that takes seconds."""

import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from detector_run import run_detector
from tiny_task import run_tiny

_server = multiprocessing.get_context("forkserver")
# PyTorch imports its compiler at the first step of any optimiser: a second for each process otherwise.
_torch = ["lowres.engine.train", "torch.utils.data", "torch.distributed", "torch._dynamo"]
# And transformers' detectors: four seconds.
_detectors = [f"transformers.models.{name}.modeling_{name}" for name in ("rt_detr_v2", "deformable_detr")]
_lowres = ["lowres.data.loader", "lowres.storage.mirror", "lowres.tasks.distillation", "lowres.models.build"]
_server.set_forkserver_preload([*_torch, *_detectors, *_lowres])


def start(target: Callable[..., None], *arguments: Any, **options: Any) -> BaseProcess:
    process = _server.Process(target=target, args=arguments, kwargs=options)
    process.start()
    return process


def start_tiny(folder: Path, *, workers: int, steps: int, checkpoint_minutes: float = 0.0) -> BaseProcess:
    options = {"workers": workers, "steps": steps, "checkpoint_minutes": checkpoint_minutes, "pause": 0.01}
    return start(run_tiny, folder, **options)


def start_detector(folder: Path, *, split: Path, workers: int, steps: int) -> BaseProcess:
    return start(run_detector, folder, split=split, workers=workers, steps=steps)


def exit_code(process: BaseProcess, *, within_seconds: float = 180.0) -> int:
    process.join(within_seconds)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"still running after {within_seconds} s")
    return process.exitcode


def wait_for_a_step(process: BaseProcess, folder: Path) -> None:
    """Return when this process has gone a step further than any before it, or has ended."""
    before = steps_done(folder)
    deadline = time.monotonic() + 120.0
    while process.is_alive() and steps_done(folder) <= before:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError("no step in two minutes")
        time.sleep(0.005)


def steps_done(folder: Path) -> int:
    """The last step in the history; a line that is just being written does not count."""
    history = folder / "history.jsonl"
    lines = history.read_text().split("\n")[:-1] if history.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0
