"""The sections of params.yaml that are a detector's own."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lowres.config.base import Count, Fraction, NotNegative, PartOfSteps, Positive, Strict
from lowres.config.downsampler import MomentWeight, Weight, learned_from
from lowres.config.training import Init, Training


class Model(Strict):
    """A detector of transformers: a family with its configuration, or pretrained weights."""

    family: str | None
    config: dict[str, Any]
    pretrained: str | None
    backbone_weights: str | None
    train_backbone_norm: bool
    fused_attention: bool

    @model_validator(mode="after")
    def _one_origin(self) -> "Model":
        if (self.family is None) == (self.pretrained is None):
            raise ValueError("give either family or pretrained, and null for the other")
        return self


class Augment(Strict):
    """Joint augmentation of image and boxes (`lowres.data.transforms.build_transforms` explains each)."""

    short_sides_px: list[Count] | None
    flip_probability: Fraction
    scale_jitter: tuple[Positive, Positive]
    crop_probability: Fraction
    crop_fraction: tuple[Positive, Positive]
    min_visibility: Fraction
    brightness: Fraction
    contrast: Fraction
    saturation: Fraction
    hue: Annotated[float, Field(ge=0, le=0.5)]
    mosaic_probability: Fraction
    mosaic_scale: tuple[Positive, Positive]


class Train(Training):
    """A training on images with boxes."""

    augment: Augment


class Teacher(Strict):
    """The full-resolution detector."""

    model: Model
    train: Train


class LogitWeight(Strict):
    """Eq. 6-7 after Algorithm 1."""

    weight: NotNegative
    alignment: Literal["index", "matched"]
    form: Literal["softmax_kl", "sigmoid_kl"]
    temperature: Positive
    threshold: Fraction


class FeatureWeight(Strict):
    """Eq. 8."""

    weight: NotNegative
    distance: Literal["mse", "normalised_mse", "cosine"]
    resize: Literal["student", "teacher"]


class BoxWeight(Strict):
    """The detector's box loss against the teacher's boxes."""

    weight: NotNegative
    alignment: Literal["index", "matched"]
    threshold: Fraction


class DistillTerms(Strict):
    """Terms of eq. 10; a term that is absent is not computed."""

    detection: Weight | None = None
    moment: MomentWeight | None = None
    logit: LogitWeight | None = None
    feature: FeatureWeight | None = None
    box: BoxWeight | None = None

    @model_validator(mode="after")
    def _something(self) -> "DistillTerms":
        if not learned_from(self):
            raise ValueError(
                "at least one term is needed that weighs more than 0; detection: {weight: 1} trains without a teacher"
            )
        return self


class Distill(Strict):
    """The student. `init` is scratch, teacher, or a folder with a trained model; `model` null means the teacher's.

    In the first `pretrain_fraction` of the steps it learns from labels alone, with a schedule of that length; then,
    from the weights that were best on the val split, under its teacher.
    """

    model: Model | None
    init: Init
    stride_shift: Literal[0, 1, 2]
    train_downsampler: bool
    pretrain_fraction: PartOfSteps
    terms: DistillTerms
    train: Train

    @model_validator(mode="after")
    def _heads_learn(self) -> "Distill":
        has_weights = self.init != "scratch" or (self.model is not None and self.model.pretrained is not None)
        learned = learned_from(self.terms)
        if not (has_weights or self.pretrain_fraction > 0 or "detection" in learned or {"logit", "box"} <= learned):
            raise ValueError(
                "terms: with init scratch and pretrain_fraction 0 nothing would train both heads, of classes and of "
                "boxes; give detection, or logit and box, a weight over 0"
            )
        return self


class Evaluate(Strict):
    """What is measured, on which split."""

    split: Literal["val", "test"]
    max_detections: Count
    batch_size: Count
    latency_repeats: Count
    score_threshold: Fraction


class Export(Strict):
    """ONNX and its parity with PyTorch."""

    opset: Annotated[int, Field(ge=18, le=21)]
    parity_images: Count
    max_box_difference_px: Positive
    max_score_difference: Positive
    max_ap_difference: NotNegative
