"""Images per second of one training step, batches from memory against a plain loop with a DataLoader, same model.

    python -m studies.dfd.throughput            # after `python -m studies.dfd.run` has prepared the data

The plain loop is what one writes first: a Dataset that decodes, crops and mirrors one image at a time with NumPy, a
DataLoader with two workers, float32, channels first. Variants are timed in turn, several rounds, so that a slow phase
of the machine meets all of them.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from studies.dfd.arms import WIDTH
from studies.dfd.run import DATA
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from lowres.data.images import decode_rgb
from lowres.data.resident import ResidentBatches, load_resident
from lowres.data.shards import ShardReader
from lowres.data.truth import load_truth
from lowres.evaluation.machine import machine_facts
from lowres.models.classifiers import build_classifier
from lowres.models.downsamplers import FixedDownsampler
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.outputs import write_json

HERE = Path(__file__).parent
BATCH = 128


class LooseImages(Dataset[tuple[Tensor, int]]):
    """One image at a time: decode, pad, crop, mirror."""

    def __init__(self, split: Path) -> None:
        self.reader = ShardReader(split)
        self.labels = [int(image.labels[0]) for image in load_truth(split)]
        self.draws = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = np.pad(decode_rgb(self.reader[index]), ((4, 4), (4, 4), (0, 0)))
        top, left = self.draws.integers(0, 9, 2)
        pixels = pixels[top : top + 32, left : left + 32]
        if self.draws.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255, self.labels[index]


def plain_batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of the plain loop."""
    loader = DataLoader(LooseImages(DATA / "train"), batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True)
    while True:
        yield from loader


def resident_batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches from memory."""
    split = load_resident(DATA / "train", side_px=32)
    for batch in ResidentBatches(split=split, batch_size=BATCH, seed=0, pad_crop_px=4, flip_probability=0.5).start(0):
        yield batch.pixels, batch.labels


def stepper(backbone: str, batches: Iterator[tuple[Tensor, Tensor]], *, ours: bool) -> Callable[[], None]:
    """A function that trains one step at 8 px."""
    torch.manual_seed(0)
    network = build_classifier(family=backbone, num_classes=10, mean=[0.5] * 3, std=[0.25] * 3, width=WIDTH[backbone])
    model = ThumbnailClassifier(FixedDownsampler(kind="bicubic", ratio=4), network, restore="bicubic")
    if ours:
        model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)

    def step() -> None:
        pixels, labels = next(batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=ours):
            loss = F.cross_entropy(model(pixels).logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def main() -> None:
    """Time both, write throughput.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each variant in each round")
    options = parser.parse_args()
    plain, resident = plain_batches(), resident_batches()
    variants = {
        (backbone, name): stepper(backbone, batches, ours=name == "ours")
        for backbone in WIDTH
        for name, batches in (("DataLoader", plain), ("ours", resident))
    }
    speeds: dict[tuple[str, str], list[float]] = {key: [] for key in variants}
    for step in variants.values():
        step()
    for _ in range(options.rounds):
        for key, step in variants.items():
            began, steps = time.perf_counter(), 0
            while time.perf_counter() - began < options.seconds:
                step()
                steps += 1
            speeds[key].append(BATCH * steps / (time.perf_counter() - began))
    rows = [
        {"backbone": backbone, "width": WIDTH[backbone], "loop": name, "images_per_second": sorted(found)}
        for (backbone, name), found in speeds.items()
    ]
    for row in rows:
        print(f"{row['backbone']:10} {row['loop']:10} {np.median(row['images_per_second']):6.0f} images/s")
    write_json(HERE / "throughput.json", {"batch": BATCH, "side_px": 8, "rows": rows, "machine": machine_facts()})


if __name__ == "__main__":
    main()
