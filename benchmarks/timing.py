"""What the benchmarks share: timing in turn, a table, and a dated JSON with the machine in it."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

Timing = dict[str, float | list[float]]


def alternate(variants: Mapping[str, Callable[[], object]], rounds: int, device: str = "cpu") -> dict[str, Timing]:
    """Seconds of each variant, run A B C A B C ... after one untimed round, so that all meet the same disturbances."""
    wall: dict[str, list[float]] = {name: [] for name in variants}
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    for index in range(rounds + 1):
        for name, run in variants.items():
            _finish(device)
            start, start_cpu = time.perf_counter(), time.process_time()
            run()
            _finish(device)
            if index:
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - start_cpu)
    return {
        name: {
            "median_s": statistics.median(wall[name]),
            "min_s": min(wall[name]),
            "max_s": max(wall[name]),
            "cpu_median_s": statistics.median(cpu[name]),
            "all_s": [round(seconds, 4) for seconds in wall[name]],
        }
        for name in variants
    }


def _finish(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def describe_machine(threads: int) -> dict[str, Any]:
    """Hardware, versions, commit and date; the load at the start tells whether others were at work."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_at_start": round(os.getloadavg()[0], 2),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
    }


def print_table(title: str, timings: Mapping[str, Timing]) -> None:
    """One line a variant; the last column compares medians with the first variant."""
    print(f"\n{title:<28}{'median s':>10}{'min':>9}{'max':>9}{'CPU s':>9}{'faster':>9}")
    first = next(iter(timings.values()))["median_s"]
    for name, timing in timings.items():
        row = "".join(f"{timing[key]:>{width}.3f}" for key, width in _COLUMNS)
        print(f"{name:<28}{row}{first / timing['median_s']:>8.2f}x")


_COLUMNS = (("median_s", 10), ("min_s", 9), ("max_s", 9), ("cpu_median_s", 9))


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Figures and machine, readable by people and by the report."""
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {path}")
