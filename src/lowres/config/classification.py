"""The sections of params.yaml that are a classifier's own."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lowres.config.base import Count, Fraction, NotNegative, NotNegativeInt, PartOfSteps, Positive, Strict
from lowres.config.downsampler import Weight, learned_from
from lowres.config.training import Init, Training

Channels = tuple[float, float, float]


class Model(Strict):
    """A network for small images (`lowres.models.classifiers.build_classifier` explains each)."""

    family: Literal["alexnet", "vgg16", "resnet18"]
    width: Positive
    dropout: Fraction
    mean: Channels
    std: Channels


class Augment(Strict):
    """Random crop after padding, and mirroring (`lowres.data.resident.ResidentBatches`)."""

    pad_crop_px: NotNegativeInt
    flip_probability: Fraction


class Train(Training):
    """A training on images of one class each."""

    augment: Augment


class Teacher(Strict):
    """The full-resolution classifier."""

    model: Model
    train: Train


class SquaredWeight(Strict):
    """Eq. 1 of DFD, weighted by lambda (eq. 4): as a sum over features, as their mean, or the angle alone."""

    weight: NotNegative
    distance: Literal["squared", "mean_squared", "cosine"]


class RelationalWeight(Strict):
    """Distances and angles within the batch; angles count `angle_weight` times."""

    weight: NotNegative
    distance: Literal["relational"]
    angle_weight: NotNegative


class LogitWeight(Strict):
    """Class probabilities at a temperature."""

    weight: NotNegative
    temperature: Positive


class DistillTerms(Strict):
    """Terms of eq. 4, and what came after it; a term that is absent is not computed."""

    recognition: Weight | None = None
    feature: Annotated[SquaredWeight | RelationalWeight, Field(discriminator="distance")] | None = None
    logit: LogitWeight | None = None

    @model_validator(mode="after")
    def _something(self) -> "DistillTerms":
        if not learned_from(self):
            raise ValueError(
                "at least one term is needed that weighs more than 0; recognition: {weight: 1} trains without a teacher"
            )
        return self


class Distill(Strict):
    """The student. `init` is scratch, teacher, or a folder with a trained model; `model` null means the teacher's.

    `restore` is how the thumbnail is brought back to the network's size (section 2.2 of DFD). In the first
    `pretrain_fraction` of the steps the student learns from labels alone, with a schedule of that length; then, from
    the weights that were best on the val split, under its teacher (section 2.2, "after getting pre-trained models").
    """

    model: Model | None
    init: Init
    restore: Literal["none", "bilinear", "bicubic"]
    train_downsampler: bool
    pretrain_fraction: PartOfSteps
    terms: DistillTerms
    train: Train

    @model_validator(mode="after")
    def _classification_layer_learns(self) -> "Distill":
        starts_random = self.init == "scratch" and self.pretrain_fraction == 0
        if starts_random and not learned_from(self.terms) & {"recognition", "logit"}:
            raise ValueError(
                "terms: with init scratch and pretrain_fraction 0 nothing would train the classification layer; give "
                "recognition or logit a weight over 0"
            )
        return self


class Evaluate(Strict):
    """What is measured, on which split; `calibration_bins` are the bins of confidence."""

    split: Literal["val", "test"]
    batch_size: Count
    latency_repeats: Count
    calibration_bins: Count


class Export(Strict):
    """ONNX and its parity with PyTorch."""

    opset: Annotated[int, Field(ge=18, le=21)]
    parity_images: Count
    max_probability_difference: Positive
    max_top1_difference: NotNegative
