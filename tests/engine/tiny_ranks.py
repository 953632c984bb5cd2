"""A program for one rank: a loss divided by the number of objects, which are spread unevenly, some ranks having none.

It trains on the rows of each global batch that fall to its rank, and rank 0 writes what came of it. Under torchrun:

    python -m torch.distributed.run --standalone --nproc-per-node 2 tests/engine/tiny_ranks.py FOLDER
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from tiny_task import make_batch, train_tiny
from torch import Tensor, nn

from lowres.engine.distributed import current_ranks, process_group
from lowres.ops.distributed_count import global_count_factor
from lowres.records import Batch

IMAGES = 4


class CountTask(nn.Module):
    """Objects are images with a positive count; `boxes` touches its layer only where there are objects."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
        self.boxes = nn.Linear(4, 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        features = self.model(batch.pixels)
        counts = torch.tensor([float(len(labels)) for labels in batch.labels])
        n_local = float(counts.sum())
        factor = global_count_factor(n_local)
        terms = {"fit": features.pow(2).mean(), "boxes": torch.zeros(())}
        if n_local > 0:
            errors = (self.boxes(features).squeeze(1) - 1.0).pow(2)
            terms["boxes"] = factor * (counts * errors).sum() / max(n_local, 1.0)
        return terms


def rows_of(rank: int, world: int) -> Callable[[int], Iterator[Batch]]:
    """This rank's half of each global batch; in every second one all objects belong to rank 0's half."""

    def batches(first: int) -> Iterator[Batch]:
        for index in range(first, 10_000):
            batch = make_batch(index, images=IMAGES)
            if index % 2 == 1:
                batch.labels = [torch.zeros(2 if row < IMAGES // 2 else 0) for row in range(IMAGES)]
            rows = range(rank * IMAGES // world, (rank + 1) * IMAGES // world)
            batch.pixels = batch.pixels[rows.start : rows.stop]
            batch.labels = [batch.labels[row] for row in rows]
            yield batch

    return batches


def run_rank(folder: Path, *, environment: dict[str, str], accumulate: int, steps: int) -> None:
    """A rank's whole work; `environment` is what torchrun gives it."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    with process_group("cpu") as device:
        ranks = current_ranks()
        torch.manual_seed(0)
        result = train_tiny(
            folder,
            task=CountTask(),
            weights={"fit": 0.1, "boxes": 1.0},
            batches=rows_of(ranks.rank, ranks.world),
            total_steps=steps,
            accumulate=accumulate,
            device=device,
            evaluate=lambda model: {"ap": float(model[1].weight.sum())},
            evaluate_every=4,
        )
        if ranks.is_main:
            torch.save({"last": result.last_state, "history": result.history}, folder / "result.pt")


if __name__ == "__main__":
    run_rank(Path(sys.argv[1]), environment={}, accumulate=1, steps=8)
