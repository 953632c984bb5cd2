"""A task small enough to train in a second, with everything that could spoil an exact resume.

Batch norm (buffers), dropout (random draws), a frozen teacher, data that depends on (seed, index) alone, optional loader workers.
`run_tiny` is what the processes do that the tests kill.
"""

import hashlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from lowres.engine.optimiser import build_optimiser
from lowres.engine.schedule import build_schedule
from lowres.engine.seeds import seed_step
from lowres.engine.train import TrainResult, train
from lowres.records import Batch

IMAGES_PER_BATCH = 4


def make_batch(index: int, *, seed: int = 0, images: int = IMAGES_PER_BATCH) -> Batch:
    draw = np.random.default_rng([seed, index])
    pixels = torch.from_numpy(draw.random((images, 3, 4, 4), dtype=np.float32))
    counts = draw.integers(0, 4, images)
    return Batch(
        pixels=pixels,
        mask=torch.ones(images, 4, 4, dtype=torch.bool),
        boxes_xyxy_px=[torch.rand(int(n), 4) for n in np.zeros(images)],
        labels=[torch.zeros(int(n), dtype=torch.int64) for n in counts],
        image_ids=torch.arange(images),
        sizes_wh_px=torch.full((images, 2), 4),
        original_wh_px=torch.full((images, 2), 4),
    )


class TinyModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(64, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.drop(self.backbone(pixels).flatten(1)))


class TinyTask(nn.Module):
    """Fit two linear functions of the pixels, and a frozen teacher's outputs through a trainable adapter outside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.model = TinyModel()
        self.adapter = nn.Linear(2, 2)
        self.teacher = TinyModel().requires_grad_(False)

    def train(self, mode: bool = True) -> "TinyTask":
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        out = self.model(batch.pixels)
        wanted = torch.stack([batch.pixels.mean((1, 2, 3)), batch.pixels[:, 0, 0, 0]], dim=1)
        return {
            "fit": nn.functional.mse_loss(out, wanted),
            "imitate": nn.functional.l1_loss(self.adapter(out), self.teacher(batch.pixels)),
        }


class _Batches(Dataset[Batch]):
    def __init__(self, first: int) -> None:
        self.first = first

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> Batch:
        return make_batch(self.first + index)


def _ignore_signals(worker: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches_from(first: int, *, workers: int = 0) -> Iterator[Batch]:
    # Forked, as by default: a worker that another start method puts under a server outlives a killed trainer.
    context = "fork" if workers else None
    dataset = _Batches(first)
    options = {"num_workers": workers, "worker_init_fn": _ignore_signals, "multiprocessing_context": context}
    return iter(DataLoader(dataset, batch_size=None, **options))


def evaluate_tiny(model: nn.Module) -> dict[str, float]:
    assert not model.training
    batch = make_batch(10_000, images=16)
    error = nn.functional.mse_loss(model(batch.pixels)[:, 0], batch.pixels.mean((1, 2, 3)))
    return {"ap": 1.0 / (1.0 + float(error))}


def train_tiny(folder: Path, **changes: Any) -> TrainResult:
    """Train the tiny task from a fixed start; `changes` replace arguments of `train`."""
    seed_step(3, 0)
    task = changes.pop("task", None) or TinyTask()
    total_steps = changes.pop("total_steps", 12)
    optimiser = build_optimiser(task, name="adamw", lr=1e-2, weight_decay=1e-2)
    arguments: dict[str, Any] = {
        "task": task,
        "model": task.model,
        "weights": {"fit": 1.0, "imitate": 0.5},
        "batches": batches_from,
        "total_steps": total_steps,
        "optimiser": optimiser,
        "schedule": build_schedule(kind="cosine", total_steps=total_steps, warmup_steps=2),
        "folder": folder,
        "fingerprint": "tiny",
        "seed": 7,
        "device": "cpu",
        "evaluate": evaluate_tiny,
        "evaluate_every": 5,
        "ema_decay": 0.9,
        "ema_warmup_steps": 3,
        "clip_norm": 1.0,
        "accumulate": 2,
        "precision": "float32",
        "checkpoint_minutes": 1e9,
        "log_every": 1,
    }
    return train(**(arguments | changes))


def digest(state: dict[str, Tensor]) -> str:
    whole = hashlib.sha256()
    for key in sorted(state):
        whole.update(key.encode() + state[key].contiguous().numpy().tobytes())
    return whole.hexdigest()


def write_digests(folder: Path, result: TrainResult) -> None:
    digests = f"best {digest(result.best_state)}\nlast {digest(result.last_state)}\nbest step {result.best_step}\n"
    (folder / "digests.txt").write_text(digests)


def run_tiny(
    folder: Path, *, workers: int, steps: int, checkpoint_minutes: float, pause: float, mirror: Any = None
) -> None:
    """A whole process's work: train, and leave the digests of the weights in `digests.txt`, and where it began; a batch takes `pause` seconds."""
    torch.set_num_threads(1)

    def slow_batches(first: int) -> Iterator[Batch]:
        (folder / "first-batch.txt").write_text(str(first))
        for batch in batches_from(first, workers=workers):
            time.sleep(pause)
            yield batch

    changes = {"total_steps": steps, "checkpoint_minutes": checkpoint_minutes, "mirror": mirror}
    write_digests(folder, train_tiny(folder, batches=slow_batches, **changes))
