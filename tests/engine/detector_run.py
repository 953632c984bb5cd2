"""A tiny detector under its frozen teacher, on the training batches of a packed split: what is killed besides `tiny_task`.

Images are augmented, denoising queries drawn, batch norms and an average kept, as in the training of a real student.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from tests.models.tiny import RT_DETR_V2
from tiny_task import train_tiny, write_digests
from torch import nn

from lowres.data.coco import CocoSource
from lowres.data.dataset import DetectionDataset
from lowres.data.loader import EvalBatches, TrainBatches
from lowres.data.pack import pack_split
from lowres.data.signs import CLASS_NAMES, render_signs
from lowres.data.transforms import build_transforms
from lowres.engine.optimiser import build_optimiser
from lowres.models.build import build_detector
from lowres.models.downsamplers import IdentityDownsampler, build_downsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch
from lowres.tasks.detect import detect_batches
from lowres.tasks.distillation import BoxTerm, DistillationTask, FeatureTerm, LogitTerm, MomentTerm

SIDE_PX = 128
BATCH_SIZE = 2  # twice in a step


def packed_signs(folder: Path) -> Path:
    """A split of eight rendered scenes."""
    render_signs(folder / "signs", seed=0, num_train=8, num_val=0, num_test=0, image_size_px=SIDE_PX)
    source = CocoSource(folder / "signs/images/train", folder / "signs/annotations/instances_train.json")
    pack_split(source, folder / "split", shard_bytes=1 << 20, max_bad_fraction=0.1, min_side_px=1)
    return folder / "split"


def batches_of(split: Path, *, workers: int) -> Callable[[int], Iterator[Batch]]:
    augmented = build_transforms(
        short_side_px=SIDE_PX, flip_probability=0.5, scale_jitter=(0.7, 1.4), hue=0.05, mosaic_probability=0.3
    )
    dataset = DetectionDataset(split, augmented, seed=3)
    options = {"batch_size": BATCH_SIZE, "seed": 3, "size_divisor": SIDE_PX, "num_workers": workers}

    def batches(first: int) -> Iterator[Batch]:
        for _, batch in TrainBatches(dataset, start_step=first, **options):
            yield batch

    return batches


def student_and_teacher() -> DistillationTask:
    torch.manual_seed(0)
    teacher = ThumbnailDetector(IdentityDownsampler(), build_detector(**RT_DETR_V2, class_names=list(CLASS_NAMES)))
    learner = build_detector(**RT_DETR_V2, class_names=list(CLASS_NAMES))
    return DistillationTask(
        ThumbnailDetector(build_downsampler(kind="learned", ratio=4, final_relu=False), learner),
        teacher,
        moment=MomentTerm(deviation_weight=0.1),
        logit=LogitTerm(alignment="matched", form="sigmoid_kl", temperature=1.0, threshold=0.01),
        feature=FeatureTerm(distance="mse", resize="student"),
        box=BoxTerm(alignment="matched", threshold=0.01),
    )


def run_detector(folder: Path, *, split: Path, workers: int, steps: int) -> None:
    """A whole process's work: train, with a checkpoint after each step, and leave the digests of the weights."""
    multiprocessing.set_start_method("fork", force=True)  # of the loader's workers; this process was not started so
    torch.set_num_threads(1)
    task = student_and_teacher()
    plain = DetectionDataset(split, build_transforms(short_side_px=SIDE_PX), seed=0)
    few = EvalBatches(plain, batch_size=4, size_divisor=SIDE_PX, limit=4)

    def evaluate(model: nn.Module) -> dict[str, float]:
        found = detect_batches(model, few, max_detections=10)
        return {"ap": sum(float(image.scores.sum()) for image in found)}

    result = train_tiny(
        folder,
        task=task,
        weights=dict.fromkeys(("detection", "moment", "logit", "feature", "box"), 1.0),
        batches=batches_of(split, workers=workers),
        total_steps=steps,
        optimiser=build_optimiser(task, name="adamw", lr=1e-3, weight_decay=1e-2),
        evaluate=evaluate,
        checkpoint_minutes=0.0,
    )
    write_digests(folder, result)
