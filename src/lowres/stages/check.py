"""check: does this configuration build and take a training step? No data, no download, a few seconds.

Models are built with random weights; pretrained ones are read only if they are a local folder. Images are random,
small, and of the configuration's ratio.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lowres.config.data import Input
from lowres.config.detection import Model
from lowres.config.downsampler import LearnedDownsampler
from lowres.config.params import Params
from lowres.config.training import Train
from lowres.models.artifact import load_spec
from lowres.models.build import build_detector, build_downsampler
from lowres.models.downsamplers import IdentityDownsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch
from lowres.stages.distill import build_task
from lowres.stages.training import training_optimiser, training_schedule, training_transforms
from lowres.tasks.detection import DetectionTask
from lowres.tasks.downsampling import DownsamplingTask

log = logging.getLogger(__name__)


def run(params: Params) -> dict[str, Any]:
    """Build every model, optimiser, schedule and augmentation, take one step of each training; returns the losses."""
    torch.manual_seed(0)
    names = ["one", "two", "three"]
    batch = _random_batch(params.data.input.canvas_multiple_px, num_classes=len(names))
    teacher = ThumbnailDetector(IdentityDownsampler(), _detector(params.teacher.model, names))
    sizing = params.data.input
    losses = {"teacher": _one_step(DetectionTask(teacher), batch, {"detection": 1.0}, params.teacher.train, sizing)}
    settings = params.downsampler
    module = build_downsampler(kind=settings.kind, ratio=settings.ratio, **settings.options.model_dump())
    if isinstance(settings, LearnedDownsampler) and settings.train is not None:
        terms = {name: term.weight for name, term in settings.terms if term is not None}
        weight = settings.terms.moment.deviation_weight if settings.terms.moment else 0.0
        task = DownsamplingTask(module, terms=set(terms), deviation_weight=weight)
        losses["downsampler"] = _one_step(task, batch, terms, settings.train, sizing)
    distill = params.distill
    if distill.init not in ("scratch", "teacher"):
        load_spec(Path(distill.init))
    inner = _detector(distill.model or params.teacher.model, names, stride_shift=distill.stride_shift)
    student = ThumbnailDetector(module, inner)
    module.requires_grad_(distill.train_downsampler)
    weights = {name: term.weight for name, term in distill.terms if term is not None}
    task = build_task(distill.terms, student, teacher)
    losses["distill"] = _one_step(task, batch, weights, distill.train, sizing)
    return losses


def _detector(model: Model, names: list[str], *, stride_shift: int = 0) -> Any:
    values = model.model_dump()
    for key in ("pretrained", "backbone_weights"):
        source = values[key]
        if source is not None and not Path(source).is_dir():
            if key == "pretrained":
                raise ValueError(
                    f"model.pretrained: {source!r} is no local folder; a dry run downloads nothing. Download it first, "
                    "or give family and config"
                )
            log.info("%s %s is not read in a dry run", key, source)
            values[key] = None
    return build_detector(**values, class_names=names, stride_shift=stride_shift)


def _one_step(
    task: nn.Module, batch: Batch, weights: dict[str, float], settings: Train, sizing: Input
) -> dict[str, float]:
    training_transforms(settings, sizing)
    factor = training_schedule(settings, settings.steps or 1000)(0)
    optimiser = training_optimiser(task, settings)
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor
    task.train()
    terms = task(batch)
    if set(terms) != set(weights):
        raise ValueError(f"terms {sorted(terms)} and weights {sorted(weights)} differ")
    total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
    if not total.requires_grad:
        raise ValueError(f"terms {', '.join(sorted(weights))}: none depends on anything that learns")
    total.backward()
    optimiser.step()
    if not torch.isfinite(total):
        raise ValueError(
            f"the loss is not finite: { ({name: float(value.detach()) for name, value in terms.items()}) }"
        )
    return {name: float(value.detach()) for name, value in terms.items()}


def _random_batch(canvas_multiple_px: int, *, num_classes: int, count: int = 2) -> Batch:
    side = canvas_multiple_px * max(1, -(-256 // canvas_multiple_px))
    width = side + canvas_multiple_px
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9]]) * side
    return Batch(
        pixels=torch.rand(count, 3, side, width),
        mask=torch.ones(count, side, width, dtype=torch.bool),
        boxes_xyxy_px=[boxes.clone() for _ in range(count)],
        labels=[torch.arange(len(boxes)) % num_classes for _ in range(count)],
        image_ids=torch.arange(count),
        sizes_wh_px=torch.tensor([[width, side]] * count),
        original_wh_px=torch.tensor([[width, side]] * count),
    )
