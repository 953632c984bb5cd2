"""The training loader over an hour, in turn with a plain DataLoader over a folder of the same images.

    make soak                                            # after `make demo`
    python benchmarks/loader_soak.py --minutes 5 --output /tmp/soak.json

Both read the training split of `outputs/data` endlessly, in random order, with as many workers, and are timed in slices
that take turns, so that a slow phase of the machine meets both. Ours reads shards, transforms images and boxes
together, pads and keeps masks; the plain one opens one loose file after another, decodes it, makes a float tensor and
stacks. Memory is the proportional set size of this process and all its workers, read when both have fetched all that
they may; pages of files are left out, as a process's share of libraries grows when another one that uses them ends.
Exit code 1: memory grew by 2 % or more from end to end, after warm-up, or ours read fewer images a second.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy import stats
from timing import describe_machine, write_json
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lowres.config.params import load_params
from lowres.data.shards import ShardReader
from lowres.stages.kits.choose import kit_of

WARM_UP_SLICES = 2
MAX_GROWTH = 0.02
SETTLE_SECONDS = 1.0  # both loaders fetch ahead until their queues are full: readings differ by how full


class LooseFiles(Dataset[Tensor]):
    """One file after another, as float pixels in [0, 1]."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        pixels = cv2.cvtColor(cv2.imread(str(self.paths[index])), cv2.COLOR_BGR2RGB)
        return torch.from_numpy(pixels.transpose(2, 0, 1)).float() / 255


def unpack_images(split: Path, folder: Path) -> None:
    """The split's images as loose files."""
    reader = ShardReader(split)
    for position in range(len(reader)):
        (folder / f"{position:06d}").write_bytes(reader[position])


def plain_batches(folder: Path, *, batch_size: int, num_workers: int) -> Iterator[int]:
    """Endless batches of a plain loader, as numbers of images."""
    loader = DataLoader(
        LooseFiles(folder), batch_size=batch_size, shuffle=True, num_workers=num_workers, persistent_workers=True
    )
    while True:
        for batch in loader:
            yield len(batch)


def our_batches(split: Path, params_file: Path, *, batch_size: int, num_workers: int) -> Iterator[int]:
    """Endless batches as training gets them, as numbers of images."""
    params = load_params(params_file)
    settings = params.teacher.train.model_copy(update={"batch_size": batch_size, "num_workers": num_workers})
    data = kit_of(params.task).training_data(split, settings, params.data.input, device=torch.device("cpu"))
    for batch in data.batches(0):
        yield len(batch.to("cpu", channels_last=settings.channels_last))


def resident_bytes() -> int:
    """Proportional set size of this process and its descendants, without pages of files."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    mine = {int(Path("/proc/self").resolve().name)}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    total = 0
    for pid in mine:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return total


def time_slice(batches: Iterator[int], seconds: float) -> float:
    """Images per second; what was fetched ahead while the other was timed is read first and not counted."""
    for _ in range(8):
        next(batches)
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        images += next(batches)
    return images / (time.perf_counter() - began)


def soak(variants: dict[str, Iterator[int]], *, minutes: float, slice_seconds: float) -> dict[str, list[float]]:
    """Speeds of each variant and memory, slice by slice."""
    record: dict[str, list[float]] = {name: [] for name in (*variants, "memory_bytes")}
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end or len(record["memory_bytes"]) < WARM_UP_SLICES + 2:
        for name, batches in variants.items():
            record[name].append(time_slice(batches, slice_seconds))
        time.sleep(SETTLE_SECONDS)
        record["memory_bytes"].append(resident_bytes())
        speeds = "  ".join(f"{name} {record[name][-1]:.0f} images/s" for name in variants)
        left = max(0.0, (end - time.monotonic()) / 60)
        print(f"{speeds}  memory {record['memory_bytes'][-1] / 1e6:.0f} MB  eta {left:.1f} min", flush=True)
    return record


def growth(memory: list[float]) -> float:
    """Relative growth over the run after warm-up, by the median of slopes: single readings swing."""
    memory = memory[WARM_UP_SLICES:]
    slope = stats.theilslopes(memory).slope
    return float(slope * (len(memory) - 1) / np.median(memory))


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("outputs/data/train"))
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--slice-seconds", type=float, default=10.0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    settings: dict[str, Any] = {"batch_size": options.batch_size, "num_workers": options.workers}
    with tempfile.TemporaryDirectory(prefix="loose-") as scratch:
        unpack_images(options.data, Path(scratch))
        variants = {
            "ours": our_batches(options.data, options.params, **settings),
            "plain": plain_batches(Path(scratch), **settings),
        }
        record = soak(variants, minutes=options.minutes, slice_seconds=options.slice_seconds)
    ours, plain = (statistics.median(record[name]) for name in variants)
    grown = growth(record["memory_bytes"])
    print(f"ours {ours:.0f}, plain {plain:.0f} images/s (medians); memory grew by {100 * grown:.2f} %")
    summary = {"ours_images_per_second": ours, "plain_images_per_second": plain, "memory_growth": grown}
    numbers = {name: [round(value, 1) for value in values] for name, values in record.items()}
    machine = describe_machine(torch.get_num_threads())
    write_json(options.output, {"machine": machine, **settings, "minutes": options.minutes, **summary, **numbers})
    if grown >= MAX_GROWTH or ours < plain:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
