"""All that a run needs in order to go on from a step as if it had never stopped.

The schedule and every random draw are functions of the step and are not stored. Of the task, parts that never change
are left out: modules outside the shipped model that stay in eval mode and learn nothing, such as a frozen teacher.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lowres.engine.ema import Ema

FORMAT = 1


@dataclass(frozen=True)
class Best:
    """The weights that evaluation liked best, on the CPU, with all of its metrics."""

    step: int
    metrics: dict[str, float | None]
    weights: dict[str, Tensor]


@dataclass
class TrainState:
    """A run at a step; `step` counts finished optimiser steps."""

    task: nn.Module
    model: nn.Module
    optimiser: torch.optim.Optimizer
    ema: Ema | None
    fingerprint: str
    step: int = 0
    seconds: float = 0.0  # of training and evaluation, without what was lost
    evaluation_pending: bool = False
    best: Best | None = None

    @property
    def shipped(self) -> nn.Module:
        """What is evaluated and exported: the average where there is one, else the model."""
        return self.model if self.ema is None else self.ema.average

    @property
    def name(self) -> str:
        """The checkpoint's name; before and after an evaluation it differs, so that no file is ever replaced."""
        return f"checkpoint-{self.step:09d}" + ("-unevaluated" if self.evaluation_pending else "")

    def to_plain(self) -> dict[str, Any]:
        """Tensors and plain data; they share memory with the live objects."""
        everything, constant = self.task.state_dict(), _constant_keys(self.task, self.model)
        return {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "step": self.step,
            "seconds": self.seconds,
            "evaluation_pending": self.evaluation_pending,
            "task": {key: everything[key] for key in everything if key not in constant},
            "optimiser": self.optimiser.state_dict(),
            "ema": None if self.ema is None else dict(self.ema.average.state_dict()),
            "best": None
            if self.best is None
            else {"step": self.best.step, "metrics": self.best.metrics, "weights": self.best.weights},
        }

    def load_plain(self, plain: dict[str, Any], *, source: str) -> None:
        """Take over what `to_plain` gave; `source` names the file in errors.

        Raises:
            ValueError: it belongs to another configuration or data, or does not fit the model.
        """
        remedy = "use another folder, or delete its checkpoints to train from the beginning"
        if plain["format"] != FORMAT:
            raise ValueError(f"{source} has checkpoint format {plain['format']}, this version reads {FORMAT}; {remedy}")
        if plain["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"{source} belongs to fingerprint {plain['fingerprint']!r}, this run's is {self.fingerprint!r} "
                f"(another configuration or other data); {remedy}"
            )
        expected = self.task.state_dict().keys() - _constant_keys(self.task, self.model)
        if plain["task"].keys() != expected or (plain["ema"] is None) != (self.ema is None):
            differing = sorted(plain["task"].keys() ^ expected)[:3] or ["the moving average"]
            raise ValueError(f"{source} does not fit the model: {', '.join(differing)}; {remedy}")
        self.task.load_state_dict(plain["task"], strict=False)
        self.optimiser.load_state_dict(plain["optimiser"])
        if self.ema is not None:
            self.ema.average.load_state_dict(plain["ema"])
        self.step = plain["step"]
        self.seconds = plain["seconds"]
        self.evaluation_pending = plain["evaluation_pending"]
        best = plain["best"]
        self.best = None if best is None else Best(**best)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights on the CPU, each tensor with memory of its own, as safetensors wants it."""
    return {key: value.detach().to("cpu", copy=True).contiguous().clone() for key, value in module.state_dict().items()}


def _constant_keys(task: nn.Module, model: nn.Module) -> set[str]:
    """Keys of the task's state that no step changes: modules outside `model`, in eval mode, with nothing to learn."""
    shipped = set(model.modules())
    prefixes = [
        f"{name}."
        for name, module in task.named_modules(remove_duplicate=False)
        if name
        and shipped.isdisjoint(module.modules())
        and not any(part.training for part in module.modules())
        and not any(parameter.requires_grad for parameter in module.parameters())
    ]
    return {key for key in task.state_dict() if key.startswith(tuple(prefixes))}
