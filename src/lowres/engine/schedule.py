"""Learning-rate schedules: a factor of each group's base rate, as a pure function of the step.

Every kind begins with a linear warm-up. `cosine` is SGDR without restarts (arXiv:1608.03983, eq. 5); `flat_cosine`
holds the base rate and then falls by the same curve (DEIM, arXiv:2412.04234); `step` is the drop of the DETR papers.
A schedule has no
state: a resumed run asks for the factor of its step.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

Schedule = Callable[[int], float]
KINDS = ("flat", "cosine", "flat_cosine", "step")


def build_schedule(
    *,
    kind: Literal["flat", "cosine", "flat_cosine", "step"],
    total_steps: int,
    warmup_steps: int,
    final_factor: float = 0.0,
    flat_until: int = 0,
    drop_at: Sequence[int] = (),
    drop_factor: float = 0.1,
) -> Schedule:
    """The factor of the base learning rate for step 0 to `total_steps` - 1.

    Args:
        kind: `flat`, `cosine`, `flat_cosine` or `step`.
        total_steps: optimiser steps of the whole run.
        warmup_steps: step s of the first `warmup_steps` has (s + 1) / `warmup_steps` times the kind's factor; 0 for
            none.
        final_factor: what cosine falls to, in [0, 1]; reached at `total_steps`, which is one past the last step.
        flat_until: the step at which `flat_cosine` begins to fall.
        drop_at: the steps from which `step` is multiplied by `drop_factor`, once for each.
        drop_factor: of `step`.

    Raises:
        ValueError: an unknown kind, or a length that does not fit into `total_steps`.
    """
    if kind not in KINDS:
        raise ValueError(f"schedule kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError(f"warmup_steps is {warmup_steps}; it must lie in 0 to total_steps = {total_steps}")
    if not 0.0 <= final_factor <= 1.0:
        raise ValueError(f"final_factor is {final_factor}; it must lie in 0 to 1")
    if kind == "flat_cosine" and not warmup_steps <= flat_until < total_steps:
        raise ValueError(
            f"flat_until is {flat_until}; it must lie in {warmup_steps} (warmup_steps) to {total_steps - 1}"
        )
    late = [step for step in drop_at if not 0 < step < total_steps]
    if kind == "step" and (late or not drop_at):
        raise ValueError(f"drop_at is {list(drop_at)}; it needs steps in 1 to {total_steps - 1}")

    falls_from = {"cosine": warmup_steps, "flat_cosine": flat_until}.get(kind, total_steps)

    def factor(step: int) -> float:
        value = 1.0
        if step >= falls_from:
            progress = min(1.0, (step - falls_from) / max(1, total_steps - falls_from))
            value = final_factor + (1.0 - final_factor) * 0.5 * (1.0 + math.cos(math.pi * progress))
        if kind == "step":
            value *= drop_factor ** sum(step >= drop for drop in drop_at)
        if step < warmup_steps:
            value *= (step + 1) / warmup_steps
        return value

    return factor
