"""What a measured time or size depends on besides the code: processor, cores, memory, versions, accelerator."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

_LIBRARIES = ("torch", "transformers", "onnxruntime", "numpy", "opencv-python-headless")


def machine_facts() -> dict[str, Any]:
    """Facts to write beside every figure, ready for JSON; they name no user, host or path.

    `cores` are those this process may use, `threads` those that torch uses now; `memory_bytes` and `accelerator` are
    None where there is none or it is not known. A library that is not installed has version None.
    """
    cuda = torch.cuda.is_available()
    return {
        "cpu": _cpu_name(),
        "cores": _usable_cores(),
        "threads": torch.get_num_threads(),
        "memory_bytes": _memory_bytes(),
        "accelerator": torch.cuda.get_device_name() if cuda else None,
        "accelerator_count": torch.cuda.device_count() if cuda else 0,
        "cuda": torch.version.cuda,
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name.replace("-", "_"): _version(name) for name in _LIBRARIES},
    }


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may be given fewer than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
