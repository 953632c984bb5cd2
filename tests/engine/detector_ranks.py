"""Trainings of real tasks that two ranks share, set so that they can equal one process with the same global batch.

Images are of one size, batch norms are frozen, and nothing is drawn at random: no dropout, no denoising queries.
docs/architecture.md says what differs where these do not hold.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from tests.models.tiny import deformable_detr
from tiny_task import train_tiny
from torch import nn

from lowres.engine.distributed import current_ranks, process_group
from lowres.engine.optimiser import build_optimiser
from lowres.engine.train import TrainResult
from lowres.models.build import build_detector
from lowres.models.detr import DetrDetector
from lowres.models.downsamplers import IdentityDownsampler, build_downsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.ops.query_filter import query_filter
from lowres.records import Batch
from lowres.tasks.detection import DetectionTask
from lowres.tasks.distillation import BoxTerm, DistillationTask, FeatureTerm, LogitTerm, MomentTerm

SIDE_PX = 64
# Objects of the four images of a batch; each rank of two has a half: both have some, one has none, neither has any.
OBJECTS = ((2, 1, 1, 0), (2, 1, 0, 0), (0, 0, 0, 0), (0, 1, 0, 3))
IMAGES = 4
STEPS = 2 * len(OBJECTS)
# The teacher is sure of a few queries only, so that ranks distil from different numbers of them.
THRESHOLD = 0.1


def images(index: int) -> Batch:
    """The global batch of a step."""
    draw = np.random.default_rng(index)
    counts = OBJECTS[index % len(OBJECTS)]
    corners = [torch.from_numpy(draw.uniform(0.0, 32.0, (n, 2)).astype(np.float32)) for n in counts]
    sides = [torch.from_numpy(draw.uniform(8.0, 32.0, (n, 2)).astype(np.float32)) for n in counts]
    return Batch(
        pixels=torch.from_numpy(draw.random((IMAGES, 3, SIDE_PX, SIDE_PX), dtype=np.float32)),
        mask=torch.ones(IMAGES, SIDE_PX, SIDE_PX, dtype=torch.bool),
        boxes_xyxy_px=[torch.cat([xy, xy + wh], dim=1) for xy, wh in zip(corners, sides, strict=True)],
        labels=[torch.from_numpy(draw.integers(0, 3, n)) for n in counts],
        image_ids=torch.arange(IMAGES),
        sizes_wh_px=torch.full((IMAGES, 2), SIDE_PX),
        original_wh_px=torch.full((IMAGES, 2), SIDE_PX),
    )


def rows_of(rank: int, world: int) -> Callable[[int], Iterator[Batch]]:
    """This rank's slice of each global batch."""
    mine = slice(rank * IMAGES // world, (rank + 1) * IMAGES // world)

    def batches(first: int) -> Iterator[Batch]:
        for index in range(first, STEPS):
            yield Batch(**{name: rows[mine] for name, rows in vars(images(index)).items() if name != "extra"})

    return batches


def detector(seed: int) -> DetrDetector:
    torch.manual_seed(seed)
    values = deformable_detr(two_stage=True) | {"train_backbone_norm": False}
    return build_detector(**values, class_names=["a", "b", "c"])


def detection() -> tuple[nn.Module, dict[str, float]]:
    return DetectionTask(ThumbnailDetector(IdentityDownsampler(), detector(0))), {"detection": 1.0}


def distillation() -> tuple[DistillationTask, dict[str, float]]:
    """All five terms, under a teacher whose class heads are spread so that its scores differ."""
    teacher = ThumbnailDetector(IdentityDownsampler(), detector(1))
    with torch.no_grad():
        for name, parameter in teacher.named_parameters():
            if "class_embed" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    learner = detector(0)
    task = DistillationTask(
        ThumbnailDetector(build_downsampler(kind="learned", ratio=2, final_relu=False), learner),
        teacher,
        moment=MomentTerm(deviation_weight=0.1),
        logit=LogitTerm(alignment="index", form="sigmoid_kl", temperature=1.0, threshold=THRESHOLD),
        feature=FeatureTerm(distance="mse", resize="student"),
        box=BoxTerm(alignment="matched", threshold=THRESHOLD),
    )
    return task, dict.fromkeys(("detection", "moment", "logit", "feature", "box"), 1.0)


TASKS = {"detection": detection, "distillation": distillation}


@torch.no_grad()
def kept_by_teacher() -> list[tuple[int, int]]:
    """From how many of the teacher's queries each of two ranks distils, step by step."""
    teacher = distillation()[0].teacher.module
    kept = []
    for batch in map(images, range(STEPS)):
        scores = teacher.scores(teacher(batch.pixels, batch.mask).logits)
        first, second = query_filter(scores, threshold=THRESHOLD).sum(1).chunk(2)
        kept.append((int(first.sum()), int(second.sum())))
    return kept


def train_detector(folder: Path, name: str) -> TrainResult:
    """This rank's part of a training. SGD, as AdamW makes a step of any gradient, also of one that is rounding alone."""
    task, weights = TASKS[name]()
    ranks = current_ranks()
    return train_tiny(
        folder,
        task=task,
        weights=weights,
        batches=rows_of(ranks.rank, ranks.world),
        total_steps=STEPS,
        accumulate=1,
        optimiser=build_optimiser(task, name="sgd", lr=0.002, weight_decay=0.0, momentum=0.9),
        evaluate=None,
    )


def run_detector_rank(folder: Path, name: str, *, environment: dict[str, str]) -> None:
    """A rank's whole work; rank 0 writes what came of it."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    with process_group("cpu"):
        result = train_detector(folder, name)
        if current_ranks().is_main:
            torch.save({"last": result.last_state, "history": result.history}, folder / "result.pt")
