"""Time of a callable, and of the whole way from an image's bytes to boxes, at batch 1 with the threads stated."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
import torch

from lowres.evaluation.machine import machine_facts

STEPS = ("decode", "resize", "model", "postprocess")


class Latency(TypedDict):
    """Milliseconds of one call; percentiles are nearest-rank, so each is a time that was measured."""

    p50_ms: float
    p99_ms: float
    mean_ms: float
    repeats: int


def measure_latency(
    call: Callable[[], object],
    *,
    warmup: int,
    repeats: int,
    device: torch.device | str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Latency of `call` after `warmup` untimed calls; `clock` is in seconds; on CUDA the device is waited for.

    Under 100 repeats p99 is the slowest call. Raises `ValueError` for fewer than one repeat or a negative warm-up.
    """
    _check_counts(warmup, repeats)
    wait = _waiter(device)
    for _ in range(warmup):
        call()
    wait()
    seconds = []
    for _ in range(repeats):
        start = clock()
        call()
        wait()
        seconds.append(clock() - start)
    return _summary(seconds)


def end_to_end_cost(
    encoded_images: Sequence[bytes],
    *,
    decode: Callable[[bytes], Any],
    resize: Callable[[Any], Any],
    model: Callable[[Any], Any],
    postprocess: Callable[[Any, Any], object],
    warmup: int,
    repeats: int,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Latency of each step and of the whole, one image at a time, images taken in turn; ready for JSON.

    image = decode(bytes); inputs = resize(image); outputs = model(inputs); boxes = postprocess(outputs, image). What
    moves data to the device belongs to `resize`. `total` is timed from bytes to boxes: its percentiles are not the sums
    of those of the steps. torch and OpenCV use `threads` threads meanwhile (None: as they are).
    Raises `ValueError` for no images or impossible counts.
    """
    _check_counts(warmup, repeats)
    if not encoded_images:
        raise ValueError("encoded_images: there is none; give at least one encoded image")
    wait = _waiter(device)

    def one_image(encoded: bytes) -> list[float]:
        times = [clock()]
        image = decode(encoded)
        times.append(clock())
        inputs = resize(image)
        wait()
        times.append(clock())
        outputs = model(inputs)
        wait()
        times.append(clock())
        postprocess(outputs, image)
        wait()
        times.append(clock())
        return times

    with using_threads(threads), torch.inference_mode():
        for index in range(warmup):
            one_image(encoded_images[index % len(encoded_images)])
        times = np.array([one_image(encoded_images[index % len(encoded_images)]) for index in range(repeats)])
        machine = machine_facts()
    by_step = {name: _summary(np.diff(times, axis=1)[:, index].tolist()) for index, name in enumerate(STEPS)}
    return {
        **by_step,
        "total": _summary((times[:, -1] - times[:, 0]).tolist()),
        "batch_size": 1,
        "images": len(encoded_images),
        "threads": machine["threads"],
        "device": str(device),
        "machine": machine,
    }


@contextlib.contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """Run with this many threads in torch and OpenCV (None: as they are), then as before."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads: {threads} is under 1")
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _summary(seconds: list[float]) -> Latency:
    ordered = sorted(second * 1000 for second in seconds)
    return {
        "p50_ms": ordered[math.ceil(0.50 * len(ordered)) - 1],
        "p99_ms": ordered[math.ceil(0.99 * len(ordered)) - 1],
        "mean_ms": math.fsum(ordered) / len(ordered),
        "repeats": len(ordered),
    }


def _waiter(device: torch.device | str) -> Callable[[], None]:
    if torch.device(device).type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def _check_counts(warmup: int, repeats: int) -> None:
    if warmup < 0 or repeats < 1:
        raise ValueError(f"warmup {warmup}, repeats {repeats}: give a warm-up of 0 or more and at least one repeat")
