"""What every training needs, whatever the task: optimiser, schedule, averaging, length. Tasks add how they augment."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lowres.config.base import Count, Fraction, NotNegative, NotNegativeInt, Positive, Seed, Strict


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


NAME_MAX = 255  # bytes of a file's name; of a longer one, asking whether it is there is an error


def _names_a_start(init: str) -> str:
    known = ("scratch", "teacher")
    if init in known or "/" in init or (0 < len(init.encode()) <= NAME_MAX and Path(init).exists()):
        return init
    near = difflib.get_close_matches(init, known, n=1)
    raise ValueError(
        f"neither {' nor '.join(known)} nor a folder that is here{f'; did you mean {near[0]}?' if near else ''} "
        "(one that is elsewhere is written with a slash, as in ./NAME)"
    )


Init = Annotated[str, AfterValidator(_names_a_start)]
"""Initial weights of a student; a folder need not be there where a pipeline is only compiled, if it has a slash."""


class Group(Strict):
    """A parameter group: names that match the pattern learn `lr_factor` times as fast."""

    match: Annotated[str, AfterValidator(_compiles)]
    lr_factor: NotNegative


class AdamW(Strict):
    """AdamW and its groups."""

    name: Literal["adamw"]
    lr: Positive
    weight_decay: NotNegative
    norm_bias_weight_decay: NotNegative
    groups: list[Group]


class Sgd(Strict):
    """SGD with momentum, and its groups."""

    name: Literal["sgd"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    nesterov: bool
    weight_decay: NotNegative
    norm_bias_weight_decay: NotNegative
    groups: list[Group]


Optimiser = Annotated[AdamW | Sgd, Field(discriminator="name")]


class Schedule(Strict):
    """Learning-rate factor over the run: linear warm-up, then flat, cosine, flat then cosine, or steps."""

    kind: Literal["flat", "cosine", "flat_cosine", "step"]
    warmup_steps: NotNegativeInt
    final_factor: Fraction
    flat_fraction: Fraction
    drop_fractions: list[Fraction]
    drop_factor: Fraction


class Ema(Strict):
    """Moving average of the weights, which is then what is evaluated and shipped."""

    decay: Annotated[float, Field(ge=0, lt=1)]
    warmup_steps: NotNegativeInt


class Training(Strict):
    """One training; `steps` or `epochs` is null."""

    seed: Seed
    steps: Count | None
    epochs: Positive | None
    batch_size: Count
    accumulate: Count
    optimiser: Optimiser
    schedule: Schedule
    clip_norm: Positive | None
    ema: Ema | None
    precision: Literal["auto", "float32", "bfloat16"]
    channels_last: bool
    evaluate_every_steps: Count | None
    checkpoint_minutes: Positive
    num_workers: NotNegativeInt

    @model_validator(mode="after")
    def _whole_micro_batches(self) -> "Training":
        if self.batch_size % self.accumulate:
            raise ValueError(f"accumulate {self.accumulate} does not divide batch_size {self.batch_size}")
        return self

    @model_validator(mode="after")
    def _one_length(self) -> "Training":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs, and null for the other")
        return self
