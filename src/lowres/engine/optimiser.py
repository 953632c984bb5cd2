"""An optimiser with parameter groups by module name.

DETR-family recipes give the backbone and the sampling offsets a lower rate than the rest (arXiv:2010.04159, section
5) and spare norms and biases the weight decay. A pattern that matches nothing is an error: the usual silent fallback
trains at the wrong rate.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters whose full name contains a match of the regular expression `match`; the first group that matches wins.

    Anchor a module prefix with `^`: `^student.backbone`. `lr_factor` multiplies the base learning rate;
    `weight_decay`, where given, replaces the base one, also for norms and biases.
    """

    match: str
    lr_factor: float = 1.0
    weight_decay: float | None = None


def build_optimiser(
    module: nn.Module,
    *,
    name: Literal["adamw", "sgd"],
    lr: float,
    weight_decay: float,
    norm_bias_weight_decay: float = 0.0,
    groups: Sequence[ParameterGroup] = (),
    betas: tuple[float, float] = (0.9, 0.999),
    momentum: float = 0.0,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """AdamW (with `betas`) or SGD (with `momentum` and `nesterov`) over what requires a gradient in `module`.

    The module is the task; a frozen teacher in it drops out by itself.

    `norm_bias_weight_decay` is for parameters of at most one dimension (norm scales and shifts, biases). Each group
    of the optimiser holds its base rate as `initial_lr`, which a schedule multiplies.

    Raises:
        ValueError: nothing to train, an unknown name, or a pattern that gets no trainable parameter.
    """
    trainable = {key: parameter for key, parameter in module.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise ValueError(
            f"{type(module).__name__} has no parameter that requires a gradient; there is nothing to train"
        )
    owner = {key: _first_match(key, groups) for key in trainable}
    for index, group in enumerate(groups):
        if index not in owner.values():
            frozen = [key for key, _ in module.named_parameters() if key not in trainable]
            raise ValueError(_no_match_message(group.match, list(trainable), frozen))

    split: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for key, parameter in trainable.items():
        split.setdefault((owner[key], parameter.ndim <= 1), []).append(parameter)
    parameter_groups: list[dict[str, Any]] = []
    for (index, is_norm_or_bias), parameters in sorted(split.items(), key=lambda item: item[0]):
        group = groups[index] if index >= 0 else ParameterGroup(match="")
        decay = norm_bias_weight_decay if is_norm_or_bias else weight_decay
        group_lr = lr * group.lr_factor
        parameter_groups.append(
            {
                "params": parameters,
                "lr": group_lr,
                "initial_lr": group_lr,
                "weight_decay": decay if group.weight_decay is None else group.weight_decay,
            }
        )
    # One fused kernel per group: on a CPU the alternative is a Python loop over every parameter.
    if name == "adamw":
        return torch.optim.AdamW(parameter_groups, lr=lr, betas=betas, fused=True)
    if name == "sgd":
        return torch.optim.SGD(parameter_groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
    raise ValueError(f"optimiser name is {name!r}; it must be adamw or sgd")


def _first_match(key: str, groups: Sequence[ParameterGroup]) -> int:
    return next((index for index, group in enumerate(groups) if re.search(group.match, key)), -1)


def _no_match_message(pattern: str, keys: list[str], frozen: list[str]) -> str:
    held = [key.rpartition(".")[0] for key in frozen if re.search(pattern, key)]
    if held and not any(re.search(pattern, key) for key in keys):
        return (
            f"parameter group {pattern!r} matches no trainable parameter: what it names ({held[0]}, ...) is frozen; "
            "leave the group out, or have that trained"
        )
    modules = sorted({key.rpartition(".")[0] for key in keys} | {key.split(".")[0] for key in keys})
    near = difflib.get_close_matches(pattern.strip("^$"), modules, n=3, cutoff=0.3) or modules[:3]
    shadowed = any(re.search(pattern, key) for key in keys)
    why = "is taken whole by the groups before it" if shadowed else "matches no trainable parameter"
    return f"parameter group {pattern!r} {why}; nearest module names: {', '.join(near)}"
