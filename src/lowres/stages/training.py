"""What the three training stages share: from a section of params.yaml to a call of the loop."""

import csv
import importlib.metadata
import importlib.util
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lowres.config.data import Input
from lowres.config.params import fingerprint
from lowres.config.training import Training
from lowres.engine.mirror import mirror_of
from lowres.engine.optimiser import ParameterGroup, build_optimiser
from lowres.engine.schedule import Schedule, build_schedule
from lowres.engine.train import TrainResult, train
from lowres.models.checksum import sha256_of
from lowres.stages.kits.kit import Kit
from lowres.stages.provenance import code_identity, data_identity

RUNS = Path(".lowres/runs")

log = logging.getLogger(__name__)


def train_task(
    kit: Kit,
    *,
    task: nn.Module,
    model: nn.Module,
    weights: Mapping[str, float],
    settings: Training,
    sizing: Input,
    data: Path,
    label: str,
    identity: list[Any],
    device: torch.device,
    validate: bool,
    part: tuple[float, float] = (0.0, 1.0),
) -> TrainResult:
    """Train `task` on the train split of `data`, choosing by its val split where `validate`.

    Checkpoints live in a folder named after all that decides the result: `identity` (what the caller adds: its
    section, its inputs' hashes), the data, the code of the layers that train. So the same work resumes and other work
    starts afresh. `part` trains on a stretch of the steps alone, as fractions of them: with the batches that the whole
    training would have there, and a schedule of its own.
    """
    source = kit.training_data(data / "train", settings, sizing, device=device)
    all_steps = settings.steps or math.ceil((settings.epochs or 0) * source.num_images / settings.batch_size)
    before, until = (round(place * all_steps) for place in part)
    total_steps = until - before
    if total_steps < 1:
        raise ValueError(f"{label}: no step is left of {all_steps} between {part[0]:g} and {part[1]:g} of them")
    steps_per_epoch = max(1, source.num_images // settings.batch_size)
    libraries = torch.__version__, importlib.metadata.version("transformers")
    key = fingerprint(identity, part, data_identity(data), code_identity(), *libraries)
    folder = RUNS / f"{label}-{key}"
    with mirror_of(folder.name) as mirror:
        return train(
            task=task,
            model=model,
            weights=weights,
            batches=lambda first: source.batches(first + before * settings.accumulate),
            total_steps=total_steps,
            optimiser=training_optimiser(task, settings),
            schedule=training_schedule(settings, total_steps),
            folder=folder,
            fingerprint=key,
            seed=settings.seed,
            device=device,
            evaluate=kit.validator(data / "val", sizing, device=device) if validate else None,
            evaluate_every=settings.evaluate_every_steps or steps_per_epoch,
            select_by=kit.select_by,
            ema_decay=settings.ema.decay if settings.ema else None,
            ema_warmup_steps=settings.ema.warmup_steps if settings.ema else 0,
            clip_norm=settings.clip_norm,
            accumulate=settings.accumulate,
            precision=settings.precision,
            channels_last=settings.channels_last,
            checkpoint_minutes=settings.checkpoint_minutes,
            steps_per_epoch=steps_per_epoch,
            dvclive_folder=_dvclive_folder(folder),
            label=label,
            mirror=mirror,
        )


def continued(first: TrainResult, second: TrainResult) -> TrainResult:
    """Two trainings in a row as one: the weights of the second, its steps counted from the first's end."""
    before = max((record["step"] for record in first.history), default=0)
    later = [record | {"step": record["step"] + before} for record in second.history]
    return replace(
        second,
        best_step=second.best_step + before,
        seconds=first.seconds + second.seconds,
        history=[*first.history, *later],
    )


def training_optimiser(task: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """The optimiser over what learns in `task`."""
    values = settings.optimiser.model_dump(exclude={"groups"})
    groups = [ParameterGroup(match=group.match, lr_factor=group.lr_factor) for group in settings.optimiser.groups]
    return build_optimiser(task, **values, groups=groups)


def training_schedule(settings: Training, total_steps: int) -> Schedule:
    """The factor of the learning rate by step; a warm-up takes at most half of the steps."""
    schedule = settings.schedule
    warmup_steps = min(schedule.warmup_steps, total_steps // 2)
    return build_schedule(
        kind=schedule.kind,
        total_steps=total_steps,
        warmup_steps=warmup_steps,
        final_factor=schedule.final_factor,
        flat_until=max(warmup_steps, int(schedule.flat_fraction * total_steps)),
        drop_at=[int(part * total_steps) for part in schedule.drop_fractions],
        drop_factor=schedule.drop_factor,
    )


def weights_identity(source: str | None) -> str | None:
    """A hash of the files in a local folder of weights; None for anything else, which has a name that stands for it."""
    if source is None or not Path(source).is_dir():
        return None
    files = sorted(path for path in Path(source).rglob("*") if path.is_file())
    return fingerprint([[str(path.relative_to(source)), sha256_of(path)] for path in files])


def _dvclive_folder(run: Path) -> Path | None:
    # DVC stays out of training images (its cache has a CVE without a fix), and DVCLive needs DVC.
    if importlib.util.find_spec("dvclive") is None:
        log.info("DVCLive is not installed: scalars go to history.jsonl alone")
        return None
    return run / "dvclive"


def write_history(folder: Path, result: TrainResult, *, chosen_by: str | None) -> None:
    """The record of a training: history.jsonl, and the tables that `dvc plots` draws, train.csv and evaluation.csv.

    The metric that chose the weights, if any did, stands there a second time, as `chosen_by`: a plot can name that
    column whatever the task. Timings stay out of the tables, so that equal trainings leave equal files there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in result.history))
    steps = [record for record in result.history if record["kind"] == "train"]
    names = sorted({name for record in steps for name in record["terms"]})
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss", *names, "lr"])
        for record in steps:
            terms = [record["terms"].get(name, "") for name in names]
            writer.writerow([record["step"], record["loss"], *terms, record["lr"]])
    if chosen_by is None:
        return
    evaluations = [record for record in result.history if record["kind"] == "evaluation"]
    with (folder / "evaluation.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        keys = list(evaluations[0]["metrics"]) if evaluations else [chosen_by]
        writer.writerow(["step", "chosen_by", *keys])
        for record in evaluations:
            metrics = record["metrics"]
            writer.writerow([record["step"], metrics[chosen_by], *(metrics[key] for key in keys)])
