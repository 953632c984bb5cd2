"""Evaluation batches of a prepared split, and the device to run them on."""

from pathlib import Path

import torch

from lowres.config.data import Input
from lowres.data.dataset import DetectionDataset
from lowres.data.loader import EvalBatches
from lowres.data.transforms import Resize, build_transforms


def eval_batches(split: Path, sizing: Input, *, batch_size: int, num_workers: int = 0) -> EvalBatches:
    """Every image of a split once, sized as in training, without augmentation."""
    transforms = build_transforms(
        short_side_px=sizing.short_side_px, long_side_px=sizing.long_side_px, stretch=sizing.stretch
    )
    dataset = DetectionDataset(split, transforms, seed=0)
    return EvalBatches(dataset, batch_size=batch_size, size_divisor=sizing.canvas_multiple_px, num_workers=num_workers)


def resize_of(sizing: Input) -> Resize:
    """How a stored image becomes the model's input."""
    return Resize(**sizing.model_dump(exclude={"canvas_multiple_px"}))


def choose_device() -> torch.device:
    """The CUDA device of this process where there is one, else the CPU."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
