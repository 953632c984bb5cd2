"""The strict schema of params.yaml: one section per stage, every value written out.

Unknown keys, wrong types and impossible values are errors that name the key, the value and what is allowed. No
scientific value has a default here: a preset that leaves one out does not parse.
"""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """Base of all sections: unknown keys are refused, values are not bent into shape."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class SignsSource(Strict):
    """The embedded data set: rendered street scenes with small traffic signs."""

    kind: Literal["signs"]
    seed: NotNegativeInt
    num_train: Count
    num_val: Count
    num_test: Count
    image_size_px: Annotated[int, Field(ge=64, le=1024)]


class CocoSplit(Strict):
    """Images (a folder or a tar) and instances JSON, relative to the source's root."""

    images: str
    annotations: str


class CocoSource(Strict):
    """A COCO data set: images in folders or tars, boxes in instances JSON."""

    kind: Literal["coco"]
    root: str
    train: CocoSplit
    val: CocoSplit
    test: CocoSplit | None


class VocSplit(Strict):
    """A list of image names without suffix, relative to the source's root."""

    ids: str


class VocSource(Strict):
    """A PASCAL VOC data set: `root` is a folder or a tar, `prefix` what stands before Annotations in its names."""

    kind: Literal["voc"]
    root: str
    prefix: str
    classes: Annotated[list[str], Field(min_length=1)]
    train: VocSplit
    val: VocSplit
    test: VocSplit | None


class Input(Strict):
    """How images are sized before the model.

    The short side becomes `short_side_px` unless that makes the long one exceed `long_side_px`; `stretch` makes the
    image square instead. The canvas is padded to a multiple of `canvas_multiple_px`: the model's largest stride on the
    thumbnail times the down-sampler's ratio.
    """

    short_side_px: Count
    long_side_px: Count
    stretch: bool
    canvas_multiple_px: Count

    @model_validator(mode="after")
    def _long_is_not_short(self) -> "Input":
        if self.long_side_px < self.short_side_px:
            raise ValueError(f"long_side_px {self.long_side_px} is under short_side_px {self.short_side_px}")
        return self


class Data(Strict):
    """What prepare reads, and how every later stage sees it."""

    source: Annotated[SignsSource | CocoSource | VocSource, Field(discriminator="kind")]
    input: Input
    max_bad_fraction: Fraction
    min_side_px: Count
    shard_mb: Count


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


class Group(Strict):
    """A parameter group: names that match the pattern learn `lr_factor` times as fast."""

    match: str
    lr_factor: NotNegative


class Optimiser(Strict):
    """Optimiser and its groups."""

    name: Literal["adamw", "sgd"]
    lr: Positive
    weight_decay: NotNegative
    norm_bias_weight_decay: NotNegative
    groups: list[Group]


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


class Train(Strict):
    """One training; `steps` or `epochs` is null."""

    seed: NotNegativeInt
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
    augment: Augment

    @model_validator(mode="after")
    def _whole_micro_batches(self) -> "Train":
        if self.batch_size % self.accumulate:
            raise ValueError(f"accumulate {self.accumulate} does not divide batch_size {self.batch_size}")
        return self

    @model_validator(mode="after")
    def _one_length(self) -> "Train":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs, and null for the other")
        return self


class Teacher(Strict):
    """The full-resolution detector."""

    model: Model
    train: Train


class MomentWeight(Strict):
    """Eq. 5; `deviation_weight` is lambda."""

    weight: NotNegative
    deviation_weight: NotNegative


class Weight(Strict):
    """A term without settings of its own."""

    weight: NotNegative


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


class NoOptions(Strict):
    """Nothing to choose."""


class LearnedDownsampler(Strict):
    """A module that learns, and its training alone; `train` is null and `terms` {} where only the student trains it."""

    kind: Literal["learned"]
    ratio: Literal[2, 4]
    options: LearnedOptions
    terms: DownsamplerTerms
    train: Train | None

    @model_validator(mode="after")
    def _terms_are_trained(self) -> "LearnedDownsampler":
        named = [name for name, value in self.terms if value is not None]
        if (self.train is None) != (not named):
            raise ValueError("train and terms go together: both given, or train null and terms {}")
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


Downsampler = LearnedDownsampler | FixedDownsampler


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
        if all(value is None for _, value in self):
            raise ValueError("at least one term is needed; detection: {weight: 1} trains without a teacher")
        return self


class Distill(Strict):
    """The student. `init` is scratch, teacher, or a folder with a trained model; `model` null means the teacher's."""

    model: Model | None
    init: str
    stride_shift: Literal[0, 1, 2]
    train_downsampler: bool
    terms: DistillTerms
    train: Train


class Evaluate(Strict):
    """What is measured, on which split."""

    split: Literal["val", "test"]
    max_detections: Count
    batch_size: Count
    latency_repeats: Count
    score_threshold: Fraction


class Export(Strict):
    """ONNX and its parity with PyTorch."""

    opset: Annotated[int, Field(ge=17, le=21)]
    parity_images: Count
    max_box_difference_px: Positive
    max_score_difference: Positive
    max_ap_difference: NotNegative


class Report(Strict):
    """The page."""

    title: str
    num_examples: Annotated[int, Field(ge=1, le=12)]


class Params(Strict):
    """All of params.yaml."""

    data: Data
    teacher: Teacher
    downsampler: Annotated[Downsampler, Field(discriminator="kind")]
    distill: Distill
    evaluate: Evaluate
    export: Export
    report: Report

    @model_validator(mode="after")
    def _canvas_fits_ratio(self) -> "Params":
        multiple, ratio = self.data.input.canvas_multiple_px, self.downsampler.ratio
        if multiple % ratio:
            raise ValueError(f"data.input.canvas_multiple_px: {multiple} is no multiple of downsampler.ratio {ratio}")
        return self


def load_params(path: Path) -> Params:
    """Read and check a params file; ValueError with one line per fault."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; `lowres preset use thumbdet-demo` writes one")
    try:
        values = YAML(typ="safe").load(path.read_text())
    except YAMLError as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a mapping of sections is expected")
    return parse_params(values, origin=str(path))


def parse_params(values: dict[str, Any], *, origin: str = "params") -> Params:
    """Check plain values against the schema."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = [_line(fault) for fault in error.errors()]
        raise ValueError(f"{origin}: " + "; ".join(lines)) from error


def json_schema() -> dict[str, Any]:
    """JSON schema of params.yaml, for editors."""
    return Params.model_json_schema()


def fingerprint(*parts: Any) -> str:
    """A short hash of plain values: the key of a run's checkpoints."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _line(fault: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys_at(location[:-1]), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_keys_at(location[:-1]))}"
        return f"{key}: unknown key{hint}"
    if fault["type"] == "missing":
        return f"{key}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    got = "" if isinstance(fault["input"], dict) else f" (got {fault['input']!r})"
    return f"{key}: {message}{got}" if key else message


def _keys_at(location: list[str]) -> list[str]:
    schema = json_schema()
    definitions = schema["$defs"]
    node: Any = schema
    for part in location:
        options = _branches(node, definitions)
        found = next((o["properties"][part] for o in options if part in o.get("properties", {})), None)
        if found is None:
            # Discriminated unions put the chosen kind into the location; lists put an index.
            found = {"anyOf": [o for o in options if o.get("properties", {}).get("kind", {}).get("const") == part]}
            if not found["anyOf"]:
                found = next((o["items"] for o in options if "items" in o), {})
        node = found
    return sorted({key for option in _branches(node, definitions) for key in option.get("properties", {})})


def _branches(node: Any, definitions: dict[str, Any]) -> list[Any]:
    if "$ref" in node:
        return _branches(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    for union in ("anyOf", "oneOf"):
        if union in node:
            return [branch for option in node[union] for branch in _branches(option, definitions)]
    return [node]
