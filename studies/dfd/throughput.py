"""Images per second of training at 8 px on a CPU: the engine's loop against a plain one with a DataLoader, same model.

    python -m studies.dfd.throughput            # `make study-dfd` ends with it; nothing else should run

The plain loop is what one writes first: a Dataset that decodes, crops and mirrors one image at a time with NumPy, a
DataLoader with two workers, float32, channels first. Ours is `lowres.engine.train.train` as the stages call it: batches
from memory, channels last, and the number format that `precision: auto` chooses on the machine; its time is the
engine's own, without checkpoints. Variants are timed in turn, several rounds, so that a slow phase of the machine
meets all of them; the DataLoader's workers are idle while ours runs. The result is a dated JSON.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from studies.dfd.arms import WIDTH, Backbone
from studies.dfd.run import DATA, SOURCE, prepare_data
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from lowres.data.images import decode_rgb
from lowres.data.resident import ResidentBatches, ResidentSplit, load_resident
from lowres.data.shards import ShardReader
from lowres.data.truth import load_truth
from lowres.engine.precision import resolve_precision
from lowres.engine.train import train
from lowres.evaluation.machine import machine_facts
from lowres.models.classifiers import build_classifier
from lowres.models.downsamplers import FixedDownsampler
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.outputs import write_json
from lowres.stages.provenance import commit
from lowres.tasks.classification import ClassificationTask

HERE = Path(__file__).parent
BATCH = 128
WORKERS, PREFETCH = 2, 2
REST_S = 2.0  # before each timing: the workers fill their queue meanwhile
BACKBONES: tuple[Backbone, ...] = ("alexnet", "resnet18")


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


def plain_batches(split: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of the plain loop."""
    loader = DataLoader(
        LooseImages(split),
        batch_size=BATCH,
        shuffle=True,
        num_workers=WORKERS,
        prefetch_factor=PREFETCH,
        drop_last=True,
    )
    while True:
        yield from loader


def new_model(backbone: Backbone) -> ThumbnailClassifier:
    """A student at 8 px, at the width of the study."""
    torch.manual_seed(0)
    network = build_classifier(family=backbone, num_classes=10, mean=[0.5] * 3, std=[0.25] * 3, width=WIDTH[backbone])
    return ThumbnailClassifier(FixedDownsampler(kind="bicubic", ratio=4), network, restore="bicubic")


def new_optimiser(model: ThumbnailClassifier) -> torch.optim.Optimizer:
    """The paper's, at a rate that no network minds."""
    return torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


class PlainLoop:
    """The loop that one writes first; it goes on where it stopped."""

    name, precision = "DataLoader", "float32"

    def __init__(self, backbone: Backbone, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        self.batches, self.model = batches, new_model(backbone)
        self.optimiser = new_optimiser(self.model)

    def seconds(self, steps: int) -> float:
        """Of so many steps, after those whose batches were ready beforehand."""
        began = 0.0
        for step in range(-WORKERS * PREFETCH, steps):
            if step == 0:
                began = time.perf_counter()
            pixels, labels = next(self.batches)
            loss = F.cross_entropy(self.model(pixels).logits, labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return time.perf_counter() - began


class OurLoop:
    """The engine's, from the first step each time."""

    name, precision = "ours", resolve_precision("auto", torch.device("cpu"))

    def __init__(self, backbone: Backbone, split: ResidentSplit) -> None:
        self.backbone: Backbone = backbone
        self.batches = ResidentBatches(split=split, batch_size=BATCH, seed=0, pad_crop_px=4, flip_probability=0.5)

    def seconds(self, steps: int) -> float:
        """Of so many steps, as the engine counts them."""
        model = new_model(self.backbone)
        with tempfile.TemporaryDirectory() as folder:
            return train(
                task=ClassificationTask(model),
                model=model,
                weights={"recognition": 1.0},
                batches=self.batches.start,
                total_steps=steps,
                optimiser=new_optimiser(model),
                schedule=lambda step: 1.0,
                folder=Path(folder),
                fingerprint="throughput",
                seed=0,
                device="cpu",
                evaluate=None,
                evaluate_every=steps,
                precision="auto",
                channels_last=True,
                label=self.backbone,
            ).seconds


def measured(loops: Sequence[tuple[Backbone, PlainLoop | OurLoop]], *, rounds: int, steps: int) -> list[dict[str, Any]]:
    """A row for each loop, images per second in ascending order; an untimed round of two steps comes first."""
    speeds: list[list[float]] = [[] for _ in loops]
    for _, loop in loops:
        loop.seconds(2)
    for _ in range(rounds):
        for found, (_, loop) in zip(speeds, loops, strict=True):
            time.sleep(REST_S)
            found.append(BATCH * steps / loop.seconds(steps))
    return [
        {
            "backbone": backbone,
            "width": WIDTH[backbone],
            "loop": loop.name,
            "format": loop.precision,
            "images_per_second": sorted(found),
        }
        for found, (backbone, loop) in zip(speeds, loops, strict=True)
    ]


def main() -> None:
    """Time both, write a dated JSON."""
    now = datetime.now(UTC)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="of each loop in each round (%(default)s)")
    parser.add_argument("--data", default=SOURCE, help="where the data is not prepared yet (%(default)s)")
    parser.add_argument("--output", type=Path, default=HERE / f"throughput-{now:%Y-%m-%d}.json")
    options = parser.parse_args()
    load_at_start = round(os.getloadavg()[0], 2)
    prepare_data(options.data)
    plain, split = plain_batches(DATA / "train"), load_resident(DATA / "train", side_px=32)
    loops: list[tuple[Backbone, PlainLoop | OurLoop]] = []
    for backbone in BACKBONES:
        loops += [(backbone, PlainLoop(backbone, plain)), (backbone, OurLoop(backbone, split))]
    rows = measured(loops, rounds=options.rounds, steps=options.steps)
    for row in rows:
        speed = np.median(row["images_per_second"])
        print(f"{row['backbone']:10} {row['loop']:10} {row['format']:10} {speed:6.0f} images/s")
    about = {"date": f"{now:%Y-%m-%d %H:%M} UTC", "commit": commit(), "load_at_start": load_at_start}
    sizes = {"batch": BATCH, "side_px": 8, "rounds": options.rounds, "steps": options.steps}
    write_json(options.output, {**about, **sizes, "rows": rows, "machine": machine_facts()})


if __name__ == "__main__":
    main()
