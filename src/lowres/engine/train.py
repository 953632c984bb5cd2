"""The training loop, for every task: read it from top to bottom.

It never learns which paper runs: a task returns raw terms, `weights` sums them. It resumes by itself from the newest
intact checkpoint in `folder`, and a run that was killed at any moment ends with the same bits as one that was not (on
CPU, with the same number of threads). Between steps all state is in `TrainState`; everything else is a function of
the step.
"""

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from lowres.engine.batch import TrainingBatch
from lowres.engine.checkpoint import read_checkpoint, save_checkpoint, write_atomically
from lowres.engine.distributed import current_ranks, from_main, gather_rows, no_sync, touch, wrap
from lowres.engine.ema import Ema
from lowres.engine.history import History, Record
from lowres.engine.lock import folder_lock
from lowres.engine.mirror import Mirror, newest_checkpoint, stage_for
from lowres.engine.precision import Precision, resolve_precision
from lowres.engine.progress import Progress
from lowres.engine.schedule import Schedule
from lowres.engine.seeds import seed_evaluation, seed_step
from lowres.engine.signals import catch_stop_signals, received_signal, stop_requested
from lowres.engine.state import Best, TrainState, snapshot
from lowres.engine.weighting import check_keys, weighted_total

BEST = "best.safetensors"
# Checkpoints at epochs may take a twentieth of the time: an epoch of small images can be shorter than its checkpoint.
TIME_PER_EPOCH_SAVE = 20.0
Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class TrainResult:
    """What training leaves: weights of the shipped model on the CPU (averaged where asked for), and its record.

    Without evaluation the best is the last and its metrics are empty. `best_path` is a safetensors file with a sha256
    beside it.
    """

    best_state: dict[str, Tensor]
    best_step: int
    best_metrics: dict[str, float | None]
    best_path: Path
    last_state: dict[str, Tensor]
    seconds: float
    history: list[Record]


def train(
    *,
    task: nn.Module,
    model: nn.Module,
    weights: Mapping[str, float],
    batches: Callable[[int], Iterable[TrainingBatch]],
    total_steps: int,
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    folder: Path,
    fingerprint: str,
    seed: int,
    device: torch.device | str,
    evaluate: Callable[[nn.Module], Metrics] | None,
    evaluate_every: int,
    select_by: str = "ap",
    ema_decay: float | None = None,
    ema_warmup_steps: int = 0,
    clip_norm: float | None = None,
    accumulate: int = 1,
    precision: Precision = "auto",
    channels_last: bool = False,
    checkpoint_minutes: float = 5.0,
    steps_per_epoch: int | None = None,
    log_every: int = 10,
    dvclive_folder: Path | None = None,
    label: str = "train",
    mirror: Mirror | None = None,
) -> TrainResult:
    """Train for `total_steps` optimiser steps, or for what is left of them.

    Args:
        task: `task(batch)` gives `{term: scalar}`, unweighted. What must stay in eval mode sees to that itself.
        model: the part of `task` that is shipped; the average copies it, evaluation gets it (or its average) in eval
            mode.
        weights: one factor per term, with the same keys.
        batches: from the index of a batch to the batches from that one on, without end; a step takes `accumulate` of
            them.
        optimiser: over all that requires a gradient in `task`; `initial_lr` of a group (else its `lr`) is multiplied by
        schedule: the factor of a step, from 0.
        folder: for checkpoints, `history.jsonl` and `best.safetensors`; one process at a time.
        fingerprint: of all that decides the result (configuration, data, code); another one in a checkpoint is refused.
        seed: with step and rank it decides every random draw of a step.
        evaluate: from the shipped model to its metrics, on rank 0, without gradients; called every `evaluate_every`
            steps and at the end. It may poll `signals.stop_requested` and return early: its result is then dropped,
            and a resumed run repeats it.
        select_by: the metric whose highest value is kept; of equals the earlier.
        ema_decay: None for no average; see `ema.Ema`, also for `ema_warmup_steps`.
        clip_norm: the largest norm of the gradient, over all parameters; None for no limit.
        accumulate: batches per optimiser step, averaged.
        precision: of the forward pass; see `precision.resolve_precision`.
        checkpoint_minutes: the longest training time that a kill can cost; evaluations, the end, and epochs that take
            20 times as long as a checkpoint are saved too.
        steps_per_epoch: for the history and a checkpoint at each epoch, where the notion fits.
        log_every: steps between records of the history.
        dvclive_folder: where DVCLive writes its plots, or None.
        label: the word before a line of progress.
        mirror: gets a copy of every checkpoint, and is asked where `folder` has none that is intact.

    Raises:
        ValueError: keys of terms and weights differ; a loss or gradient is not finite; a checkpoint does not belong
            here; the folder is in use; evaluation gave no `select_by`.
        OSError: a checkpoint cannot be written.
        SystemExit: 143 after SIGTERM, 130 after SIGINT, with a checkpoint.
    """
    for name, number in (("accumulate", accumulate), ("evaluate_every", evaluate_every), ("log_every", log_every)):
        if number < 1:
            raise ValueError(f"{name} is {number}; it must be at least 1")
    device = torch.device(device)
    ranks = current_ranks()
    with contextlib.ExitStack() as stack:
        if ranks.is_main:
            stack.enter_context(folder_lock(folder))
        stack.enter_context(catch_stop_signals())

        task.to(device)
        if channels_last:
            task.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        task.train()
        parameters = _trainable(task, optimiser)
        runner = wrap(task, ranks)
        ema = None if ema_decay is None else Ema(model, decay=ema_decay, warmup_steps=ema_warmup_steps)
        state = TrainState(task, model, optimiser, ema, fingerprint)
        number_format = resolve_precision(precision, device)
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=number_format == "bfloat16")

        found: Path | None = from_main(newest_checkpoint(folder, mirror) if ranks.is_main else None, ranks)
        if found is not None:
            state.load_plain(read_checkpoint(found), source=str(found))
        history = None
        if ranks.is_main:
            pending = state.evaluation_pending
            history = History(folder, step=state.step, evaluation_pending=pending, dvclive_folder=dvclive_folder)
            stack.enter_context(history)
        progress = Progress(label=label, total_steps=total_steps, step=state.step, shown=ranks.is_main)
        stack.enter_context(progress)
        if found is not None:
            progress.say(f"goes on from {found.name}, step {state.step} of {total_steps}")
        saved_at, saved_as, save_seconds = time.monotonic(), None if found is None else found.stem, 0.0
        stream = iter(batches(state.step * accumulate))
        stack.callback(getattr(stream, "close", lambda: None))

        while state.step < total_steps or state.evaluation_pending:
            if state.evaluation_pending:
                began = time.monotonic()
                outcome = _evaluate(state, evaluate, seed, select_by) if ranks.is_main else None
                metrics, signal_number = from_main((outcome, received_signal()), ranks)
                if metrics is None:  # asked to stop meanwhile: the checkpoint from before the evaluation stands
                    raise SystemExit(128 + signal_number)
                state.seconds += time.monotonic() - began
                state.evaluation_pending = False
                if state.best is None or metrics[select_by] > state.best.metrics[select_by]:
                    state.best = Best(step=state.step, metrics=metrics, weights=snapshot(state.shipped))
                if history is not None:
                    history.write({"kind": "evaluation", "step": state.step, "metrics": metrics})
                    _save_best(folder, state.best)
                    _save(folder, state, history, mirror)
                saved_at, saved_as = time.monotonic(), state.name
                values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if value is not None)
                progress.say(f"evaluation at step {state.step}: {values}  (best {select_by} at step {state.best.step})")
                continue

            began = time.monotonic()
            factor = schedule(state.step)
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
            buffers_before = [buffer.clone() for buffer in task.buffers()] if accumulate > 1 else []
            sums = dict.fromkeys(weights, 0.0)
            images, data_seconds, stop = 0, 0.0, 0
            for micro_step in range(accumulate):
                waiting_since = time.monotonic()
                batch = next(stream).to(device, channels_last=channels_last)
                data_seconds += time.monotonic() - waiting_since
                images += len(batch) * ranks.world
                seed_step(seed, state.step, ranks.rank, micro_step)
                is_last = micro_step == accumulate - 1
                with no_sync(runner, unless=is_last):
                    with autocast:
                        terms: dict[str, Tensor] = runner(batch)
                    check_keys(terms, weights)
                    total = weighted_total(terms, weights) / accumulate
                    values = torch.stack([terms[name].detach().double() for name in weights]).tolist()
                    rows = gather_rows([float(received_signal()), *values], ranks)
                    stop = int(max(row[0] for row in rows))
                    for position, name in enumerate(weights, start=1):
                        sums[name] += sum(row[position] for row in rows) / (ranks.world * accumulate)
                    _refuse_not_finite(sums, state.step, "loss")
                    if stop and not is_last:  # the step is not finished: back to where it began
                        for buffer, before in zip(task.buffers(), buffers_before, strict=True):
                            buffer.copy_(before)
                        break
                    (total + touch(parameters, ranks)).backward()
            else:
                norm = float(nn.utils.clip_grad_norm_(parameters, float("inf") if clip_norm is None else clip_norm))
                _refuse_not_finite({**sums, "gradient norm": norm}, state.step, "gradient")
                optimiser.step()
                optimiser.zero_grad()
                state.step += 1
                if ema is not None:
                    ema.update(model, state.step)

                loss = sum(weight * sums[name] for name, weight in weights.items())
                lr = max(group["lr"] for group in optimiser.param_groups)
                took = time.monotonic() - began
                state.seconds += took
                progress.advance(took, data_seconds, images, loss=loss, terms=sums, lr=lr)
                if history is not None and (state.step % log_every == 0 or state.step in (1, total_steps)):
                    record: Record = {"kind": "train", "step": state.step, "loss": loss, "terms": sums, "lr": lr}
                    if steps_per_epoch is not None:
                        record["epoch"] = state.step / steps_per_epoch
                    record |= {"gradient_norm": norm, "images_per_second": progress.images_per_second}
                    record |= {"data_wait_fraction": progress.data_wait_fraction, "seconds": state.seconds}
                    history.write(record)
                at_end = state.step == total_steps
                state.evaluation_pending = evaluate is not None and (at_end or state.step % evaluate_every == 0)

            unsaved_seconds = time.monotonic() - saved_at
            at_epoch = steps_per_epoch is not None and state.step % steps_per_epoch == 0
            at_epoch = at_epoch and unsaved_seconds >= TIME_PER_EPOCH_SAVE * save_seconds
            is_due = unsaved_seconds >= 60.0 * checkpoint_minutes
            must_save = stop or state.evaluation_pending or state.step == total_steps or at_epoch or is_due
            if must_save and state.name != saved_as:
                began = time.monotonic()
                if history is not None:
                    _save(folder, state, history, mirror)
                saved_at, saved_as = time.monotonic(), state.name
                save_seconds = saved_at - began
            if stop:
                progress.say(f"stopped by signal {stop} at step {state.step}; the same command goes on from there")
                raise SystemExit(128 + stop)

        stop = int(max(row[0] for row in gather_rows([float(received_signal())], ranks)))
        if stop:  # it came during the last evaluation's end: all is saved, but what follows must not go on
            raise SystemExit(128 + stop)
        last_state = snapshot(state.shipped)
        best = state.best or Best(step=state.step, metrics={}, weights=last_state)
        if ranks.is_main:
            _save_best(folder, best)
        return TrainResult(
            best_state=best.weights,
            best_step=best.step,
            best_metrics=best.metrics,
            best_path=folder / BEST,
            last_state=last_state,
            seconds=state.seconds,
            history=[] if history is None else history.records,
        )


def _evaluate(
    state: TrainState, evaluate: Callable[[nn.Module], Metrics] | None, seed: int, select_by: str
) -> dict[str, float | None] | None:
    """The metrics of the shipped model, or None where a signal came meanwhile."""
    assert evaluate is not None
    seed_evaluation(seed, state.step)
    state.shipped.eval()
    with torch.no_grad():
        metrics = {name: None if value is None else float(value) for name, value in evaluate(state.shipped).items()}
    state.task.train()
    if stop_requested():
        return None
    value = metrics.get(select_by)
    if value is None or not math.isfinite(value):
        raise ValueError(
            f"evaluation gave {select_by} = {value}, which chooses the best; it gave {', '.join(sorted(metrics))}. "
            "Choose another metric, or look whether the validation split has any object"
        )
    return metrics


def _refuse_not_finite(values: dict[str, float], step: int, what: str) -> None:
    if not all(math.isfinite(value) for value in values.values()):
        listed = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise ValueError(
            f"{what} is not finite in step {step + 1}: {listed}. "
            "Lower the learning rate, clip the gradient, or set precision to float32"
        )


def _save(folder: Path, state: TrainState, history: History, mirror: Mirror | None) -> None:
    history.sync()
    saved = save_checkpoint(folder, state.name, state.to_plain())
    if mirror is not None:
        stage_for(mirror, saved)


def _save_best(folder: Path, best: Best) -> None:
    content = to_safetensors(best.weights)
    write_atomically(folder / f"{BEST}.sha256", f"{hashlib.sha256(content).hexdigest()}  {BEST}\n".encode())
    write_atomically(folder / BEST, content)


def _trainable(task: nn.Module, optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    """What requires a gradient, which must be what the optimiser holds."""
    parameters = [parameter for parameter in task.parameters() if parameter.requires_grad]
    held = {parameter for group in optimiser.param_groups for parameter in group["params"]}
    assert held == set(parameters), "the optimiser must hold exactly what requires a gradient in the task"
    for group in optimiser.param_groups:
        group.setdefault("initial_lr", group["lr"])
    return parameters
