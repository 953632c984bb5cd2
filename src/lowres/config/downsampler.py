"""The section `downsampler`: what makes the thumbnail."""

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from lowres.config.base import Count, NotNegative, Strict
from lowres.config.training import Training

T = TypeVar("T", bound=Training)


class MomentWeight(Strict):
    """Eq. 5; `deviation_weight` is lambda."""

    weight: NotNegative
    deviation_weight: NotNegative


class Weight(Strict):
    """A term without settings of its own."""

    weight: NotNegative


def learned_from(terms: Strict) -> set[str]:
    """Names of the terms that teach: those of positive weight."""
    return {name for name, term in terms if term is not None and term.weight > 0}


class DownsamplerTerms(Strict):
    """Terms of stage one; a term that is absent is not computed."""

    moment: MomentWeight | None = None
    bicubic: Weight | None = None


class LearnedOptions(Strict):
    """ThumbDet's module (`lowres.models.downsamplers.LearnedDownsampler` explains each)."""

    layers: Literal[1, 2, 5]
    hidden_channels: Count
    bias: bool
    final_relu: bool
    skip: Literal["none", "bicubic", "bilinear", "area"]
    channels: Annotated[int, Field(ge=3, le=64)]

    @model_validator(mode="after")
    def _skip_leaves_room_to_learn(self) -> Self:
        if self.skip != "none" and self.final_relu:
            raise ValueError("skip starts the last convolution at 0, where final_relu has no gradient; set it false")
        return self


class NoOptions(Strict):
    """Nothing to choose."""


class LearnedDownsampler(Strict, Generic[T]):
    """A module that learns, and its training alone, in the form of the task.

    `train` is null and `terms` {} where only the student trains it.
    """

    kind: Literal["learned"]
    ratio: Literal[2, 4]
    options: LearnedOptions
    terms: DownsamplerTerms
    train: T | None

    @model_validator(mode="after")
    def _terms_are_trained(self) -> Self:
        named = [name for name, value in self.terms if value is not None]
        if (self.train is None) != (not named):
            raise ValueError("train and terms go together: both given, or train null and terms {}")
        if named and not learned_from(self.terms):
            raise ValueError(f"terms: nothing would learn, as {' and '.join(named)} weigh 0; give one a weight over 0")
        return self


class FixedDownsampler(Strict):
    """Interpolation, or none: nothing to train."""

    kind: Literal["identity", "bicubic", "bilinear", "area"]
    ratio: Literal[1, 2, 4]
    options: NoOptions
    terms: NoOptions
    train: None

    @model_validator(mode="after")
    def _identity_keeps_the_size(self) -> "FixedDownsampler":
        if (self.kind == "identity") != (self.ratio == 1):
            raise ValueError(f"kind {self.kind} with ratio {self.ratio}: ratio 1 is kind identity, and the reverse")
        return self


Downsampler = LearnedDownsampler[Any] | FixedDownsampler
