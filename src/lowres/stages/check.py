"""check: does this configuration build and take a training step? No data, no download, a few seconds.

Models are built with random weights; pretrained ones are read only if they are a local folder. Images are random,
small, and of the configuration's ratio.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lowres.config.downsampler import LearnedDownsampler
from lowres.config.params import Params
from lowres.config.training import Training
from lowres.engine.batch import TrainingBatch
from lowres.models.artifact import ModelSpec, load_spec
from lowres.models.downsamplers import build_downsampler
from lowres.stages.kits.choose import kit_of
from lowres.stages.training import training_optimiser, training_schedule
from lowres.tasks.downsampling import DownsamplingTask


def run(params: Params) -> dict[str, Any]:
    """Build every model, optimiser, schedule and augmentation, take one step of each training; returns the losses."""
    kit = kit_of(params.task)
    torch.manual_seed(0)
    names = ["one", "two", "three"]
    sizing = params.data.input
    batch = kit.random_batch(sizing, num_classes=len(names))
    with _refused_as("teacher"):
        teacher, network = kit.build_teacher(kit.offline(params.teacher.model), class_names=names, sizing=sizing)
        task, weights = kit.supervised_task(teacher)
        kit.check_training(params.teacher.train, sizing)
        losses = {"teacher": _one_step(task, batch, weights, params.teacher.train)}
    settings = params.downsampler
    with _refused_as("downsampler"):
        module = build_downsampler(kind=settings.kind, ratio=settings.ratio, **settings.options.model_dump())
        if isinstance(settings, LearnedDownsampler) and settings.train is not None:
            terms = {name: term.weight for name, term in settings.terms if term is not None}
            weight = settings.terms.moment.deviation_weight if settings.terms.moment else 0.0
            task = DownsamplingTask(module, terms=set(terms), deviation_weight=weight)
            kit.check_training(settings.train, sizing)
            losses["downsampler"] = _one_step(task, batch, terms, settings.train)
    distill = params.distill
    if distill.init not in ("scratch", "teacher"):
        load_spec(Path(distill.init))
    spec = ModelSpec(
        task=kit.task, network=network, class_names=names, category_ids=[1, 2, 3], downsampler={}, input={}
    )
    own = None if distill.model is None else kit.offline(distill.model)
    distill = distill.model_copy(update={"model": own})
    with _refused_as("distill"):
        student, _ = kit.build_student(distill, teacher=spec, downsampler=module, sizing=sizing)
        module.requires_grad_(distill.train_downsampler)
        task, weights = kit.distillation_task(distill.terms, student=student, teacher=teacher)
        kit.check_training(distill.train, sizing)
        losses["distill"] = _one_step(task, batch, weights, distill.train)
    return losses


@contextmanager
def _refused_as(section: str) -> Iterator[None]:
    """What torch and transformers raise of values that our schema does not know, as a ValueError of the section."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith(section):
            raise
        raise ValueError(f"{section}: {error}") from error
    except (RuntimeError, KeyError, IndexError, ZeroDivisionError, TypeError) as error:
        first = str(error).strip().splitlines()[:1]
        raise ValueError(
            f"{section}: cannot be built, or take a step: {': '.join([type(error).__name__, *first])}; "
            "look at its values; LOWRES_TRACEBACK=1 shows where it came from"
        ) from error


def _one_step(task: nn.Module, batch: TrainingBatch, weights: dict[str, float], settings: Training) -> dict[str, float]:
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
