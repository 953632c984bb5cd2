"""The training loader over an hour, in turn with a plain DataLoader over a folder of the same images.

    make soak                                            # after `make demo`
    python benchmarks/loader_soak.py --minutes 5 --output /tmp/soak.json

Both read the training split of `outputs/data` endlessly, in random order, with as many workers, and are timed in slices
that take turns, so that a slow phase of the machine meets both. Ours reads shards, transforms images and boxes
together, pads and keeps masks; the plain one opens one loose file after another, decodes it, makes a float tensor and
stacks. Each has a process of its own. Memory is the proportional set size of that process and its workers, read when
they have fetched all that they may; pages of files are left out, as a process's share of libraries grows when another
one that uses them ends. Exit code 1: ours took 2 % more memory or more at the end than at the beginning, after warm-up,
or read fewer images a second.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
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
SETTLE_SECONDS = 1.0  # loaders fetch ahead until their queues are full: readings differ by how full


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


def serve(make: Callable[..., Iterator[int]], settings: dict[str, Any], orders: Any) -> None:
    """A loader in a process of its own: for each number of seconds it is sent, images per second and memory."""
    multiprocessing.set_start_method("fork", force=True)  # of its workers, as it is where a user starts a training
    batches = make(**settings)
    while (seconds := orders.recv()) is not None:
        speed = time_slice(batches, seconds)
        time.sleep(SETTLE_SECONDS)
        orders.send((speed, resident_bytes()))


def soak(
    variants: dict[str, tuple[Callable[..., Iterator[int]], dict[str, Any]]], *, minutes: float, slice_seconds: float
) -> dict[str, dict[str, list[float]]]:
    """Speeds and memory of each variant, slice by slice."""
    context = multiprocessing.get_context("spawn")
    orders: dict[str, Any] = {}
    for name, (make, settings) in variants.items():
        orders[name], theirs = context.Pipe()
        context.Process(target=serve, args=(make, settings, theirs), name=name).start()
    record: dict[str, dict[str, list[float]]] = {name: {"images_per_second": [], "memory_bytes": []} for name in orders}
    end, slices = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end or slices < WARM_UP_SLICES + 2:
        said = []
        for name, order in orders.items():
            order.send(slice_seconds)
            speed, memory = order.recv()
            record[name]["images_per_second"].append(speed)
            record[name]["memory_bytes"].append(memory)
            said.append(f"{name} {speed:.0f} images/s, {memory / 1e6:.0f} MB")
        slices += 1
        print(f"{'  '.join(said)}  eta {max(0.0, (end - time.monotonic()) / 60):.1f} min", flush=True)
    for order in orders.values():
        order.send(None)
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
            "ours": (our_batches, {"split": options.data, "params_file": options.params, **settings}),
            "plain": (plain_batches, {"folder": Path(scratch), **settings}),
        }
        record = soak(variants, minutes=options.minutes, slice_seconds=options.slice_seconds)
    summary: dict[str, Any] = {}
    for name, measured in record.items():
        summary[name] = {
            "images_per_second": statistics.median(measured["images_per_second"]),
            "memory_bytes": statistics.median(measured["memory_bytes"]),
            "memory_growth": growth(measured["memory_bytes"]),
            "slices": {key: [round(value, 1) for value in values] for key, values in measured.items()},
        }
        print(
            f"{name}: {summary[name]['images_per_second']:.0f} images/s, {summary[name]['memory_bytes'] / 1e6:.0f} MB "
            f"(medians), which grew by {100 * summary[name]['memory_growth']:.2f} %"
        )
    machine = describe_machine(torch.get_num_threads())
    write_json(options.output, {"machine": machine, **settings, "minutes": options.minutes, **summary})
    ours, plain = summary["ours"], summary["plain"]
    if ours["memory_growth"] >= MAX_GROWTH or ours["images_per_second"] < plain["images_per_second"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
