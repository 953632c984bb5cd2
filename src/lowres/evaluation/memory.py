"""Peak memory of a piece of work, in a fresh process on the CPU or by torch's own count on CUDA.

Why a fresh process: in one that has trained or evaluated before, the allocator holds freed pages, and work that reuses
them seems to need nothing. Why not `ru_maxrss`: on Linux a child inherits its parent's high-water mark through fork
and exec. We read VmHWM, which belongs to the process alone, and reset it between loading and running where the
kernel permits.
"""

import json
import os
import pickle
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class PeakMemory:
    """Resident memory of a process of its own, interpreter and libraries included."""

    loaded_bytes: int  # after `prepare`, before the first run
    peak_bytes: int  # the most during the runs
    peak_includes_loading: bool  # true where the system cannot forget the peak of loading


def peak_memory_bytes(
    prepare: Callable[[], Any], run: Callable[[Any], object], *, repeats: int = 3, timeout_s: float = 600.0
) -> PeakMemory:
    """Peak resident memory of `run(prepare())`, run `repeats` times in a fresh Python process.

    The child runs with the allocator's own settings, not with those that make training faster by keeping memory.
    Both callables are pickled, so they are functions of importable modules or `functools.partial` of such; give
    `prepare` a path to load rather than a model. Raises `ValueError` for what cannot be pickled, and `RuntimeError`
    with the child's last line if it fails.
    """
    try:
        work = pickle.dumps((prepare, run, repeats))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"peak memory: {error}; give functions of a module, or functools.partial of them") from error
    child = subprocess.run(
        [sys.executable, "-c", "from lowres.evaluation.memory import measure_in_child; measure_in_child()"],
        input=pickle.dumps(sys.path) + work,
        capture_output=True,
        timeout=timeout_s,
        env={name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")},
        check=False,
    )
    if child.returncode:
        last_line = (child.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"peak memory: the measuring process ended with {child.returncode}: {last_line}")
    return PeakMemory(**json.loads(child.stdout))


def cuda_peak_memory_bytes(run: Callable[[], object], *, device: "torch.device | str" = "cuda") -> int:
    """Most bytes that torch had allocated on the device during `run`, what was there before included.

    This excludes what the CUDA context and torch's cache hold beyond live tensors.
    """
    import torch  # here, so that the measuring process holds only what the work itself imports

    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    run()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)


def measure_in_child() -> None:
    """The child's side: reads the pickled work from stdin and writes the `PeakMemory` as JSON to stdout."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the work prints must not mix with the answer
    sys.path[:] = pickle.load(sys.stdin.buffer)
    prepare, run, repeats = pickle.load(sys.stdin.buffer)
    prepared = prepare()
    loaded = _resident_bytes("VmRSS")
    was_reset = _forget_peak()
    for _ in range(repeats):
        run(prepared)
    memory = {"loaded_bytes": loaded, "peak_bytes": _resident_bytes("VmHWM"), "peak_includes_loading": not was_reset}
    with answer:
        json.dump(memory, answer)


def _resident_bytes(field: str) -> int:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            key, _, value = line.partition(":")
            if key == field:
                return int(value.split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # elsewhere only the peak is known
    return peak if platform.system() == "Darwin" else peak * 1024


def _forget_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or a container that forbids it: the answer says so
        return False
    return True
