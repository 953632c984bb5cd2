"""The strict schema of params.yaml: one section per stage, every value written out.

Unknown keys, wrong types and impossible values are errors that name the key, the value and what is allowed. No
scientific value has a default here: a preset that leaves one out does not parse.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lowres.config import classification, detection
from lowres.config.base import Strict
from lowres.config.data import Data
from lowres.config.downsampler import Downsampler, FixedDownsampler, LearnedDownsampler


class Report(Strict):
    """The page."""

    title: str
    num_examples: Annotated[int, Field(ge=1, le=12)]


class Baseline(Strict):
    """Whether the student of `distill` is trained a second time without its teacher, to be compared with."""

    train: bool


class DetectionParams(Strict):
    """All of params.yaml for detectors."""

    task: Literal["detection"]
    data: Data
    teacher: detection.Teacher
    downsampler: Annotated[LearnedDownsampler[detection.Train] | FixedDownsampler, Field(discriminator="kind")]
    baseline: Baseline
    distill: detection.Distill
    evaluate: detection.Evaluate
    export: detection.Export
    report: Report

    @model_validator(mode="after")
    def _sections_fit(self) -> "DetectionParams":
        _check_canvas(self.data, self.downsampler.ratio)
        _check_something_to_train(self.downsampler, self.distill)
        return self


class ClassificationParams(Strict):
    """All of params.yaml for classifiers."""

    task: Literal["classification"]
    data: Data
    teacher: classification.Teacher
    downsampler: Annotated[LearnedDownsampler[classification.Train] | FixedDownsampler, Field(discriminator="kind")]
    baseline: Baseline
    distill: classification.Distill
    evaluate: classification.Evaluate
    export: classification.Export
    report: Report

    @model_validator(mode="after")
    def _square_and_sections_fit(self) -> "ClassificationParams":
        _check_canvas(self.data, self.downsampler.ratio)
        _check_something_to_train(self.downsampler, self.distill)
        sizing = self.data.input
        if not sizing.stretch or sizing.short_side_px != sizing.long_side_px:
            raise ValueError("data.input: a classifier reads squares; set stretch true and both sides alike")
        if sizing.short_side_px % sizing.canvas_multiple_px:
            raise ValueError(
                f"data.input: short_side_px {sizing.short_side_px} is no multiple of canvas_multiple_px "
                f"{sizing.canvas_multiple_px}; a classifier's images are not padded"
            )
        if isinstance(self.downsampler, LearnedDownsampler) and self.downsampler.options.channels != 3:
            channels = self.downsampler.options.channels
            raise ValueError(f"downsampler.options.channels: {channels}, but a classifier reads 3; use 3")
        return self


Params = DetectionParams | ClassificationParams
TASKS: dict[str, type[Strict]] = {
    get_args(whole.model_fields["task"].annotation)[0]: whole for whole in get_args(Params)
}
"""The schema of each task's params.yaml, by the task's name."""
Teacher = detection.Teacher | classification.Teacher
Distill = detection.Distill | classification.Distill
Evaluate = detection.Evaluate | classification.Evaluate
Export = detection.Export | classification.Export
_PARAMS: TypeAdapter[Params] = TypeAdapter(Annotated[Params, Field(discriminator="task")])


def _check_canvas(data: Data, ratio: int) -> None:
    multiple = data.input.canvas_multiple_px
    if multiple % ratio:
        raise ValueError(f"data.input.canvas_multiple_px: {multiple} is no multiple of downsampler.ratio {ratio}")


def _check_something_to_train(downsampler: Downsampler, distill: Distill) -> None:
    if distill.train_downsampler and isinstance(downsampler, FixedDownsampler):
        raise ValueError(
            f"distill.train_downsampler: true, but downsampler.kind {downsampler.kind} has nothing to train; set it "
            "false, or use kind learned"
        )


def load_params(path: Path) -> Params:
    """Read and check a params file; ValueError with one line per fault."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; `lowres preset use NAME` writes one of `lowres preset list`")
    try:
        values = YAML(typ="safe").load(path.read_text())
    except (YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a mapping of sections is expected")
    return parse_params(values, origin=str(path))


def parse_params(values: dict[str, Any], *, origin: str = "params") -> Params:
    """Check plain values against the schema."""
    try:
        # As JSON: of Python values, strict checking wants tuples and instances where YAML has lists and mappings.
        return _PARAMS.validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        lines = [_line(fault, values) for fault in error.errors()]
        raise ValueError(f"{origin}: " + "; ".join(lines)) from error


def json_schema() -> dict[str, Any]:
    """JSON schema of params.yaml, for editors."""
    return _PARAMS.json_schema()


def fingerprint(*parts: Any) -> str:
    """A short hash of plain values: the key of a run's checkpoints."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _line(fault: Any, values: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    written = list(_written(fault["loc"], values))
    key = ".".join(written)
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys_at(location[:-1]), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_keys_at(location[:-1]))}"
        return f"{key}: unknown key{hint}"
    if fault["type"] == "missing":
        return f"{key}: missing"
    if fault["type"].startswith("union_tag"):
        context = fault["ctx"]
        where = ".".join([*written, context["discriminator"].strip("'")])
        if fault["type"] == "union_tag_not_found":
            return f"{where}: missing"
        return f"{where}: {context['tag']!r} is none of {context['expected_tags']}"
    message = fault["msg"].removeprefix("Value error, ")
    got = "" if isinstance(fault["input"], dict) else f" (got {fault['input']!r})"
    return f"{key}: {message}{got}" if key else message


def _written(location: tuple[str | int, ...], values: Any) -> Iterator[str]:
    """The location as it stands in the file: without the names by which discriminated unions choose."""
    for depth, part in enumerate(location, start=1):
        is_tag = isinstance(values, dict) and part in (
            values.get(name) for name in ("task", "kind", "name", "distance")
        )
        if isinstance(values, dict) and part not in values and (is_tag or depth < len(location)):
            continue
        yield str(part)
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:  # also of a list that is too short, the entry that is missing
            values = None


def _is_tag(part: str | int, values: dict[str, Any]) -> bool:
    return part in [values.get(discriminator) for discriminator in ("task", "kind", "name", "distance")]


def _keys_at(location: list[str]) -> list[str]:
    schema = json_schema()
    definitions = schema["$defs"]
    node: Any = schema
    for part in location:
        options = _branches(node, definitions)
        found = next((o["properties"][part] for o in options if part in o.get("properties", {})), None)
        if found is None:
            # Discriminated unions put the chosen name into the location; lists put an index.
            found = {"anyOf": [o for o in options if _is_named(o, part)]}
            if not found["anyOf"]:
                found = next((o["items"] for o in options if "items" in o), {})
        node = found
    return sorted({key for option in _branches(node, definitions) for key in option.get("properties", {})})


def _is_named(option: Any, name: str) -> bool:
    """Whether this branch of a union is the one that `name` (its kind, its optimiser) chooses."""
    properties = option.get("properties", {})
    return any(name in (part.get("const"), *part.get("enum", ())) for part in properties.values())


def _branches(node: Any, definitions: dict[str, Any]) -> list[Any]:
    if "$ref" in node:
        return _branches(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    for union in ("anyOf", "oneOf"):
        if union in node:
            return [branch for option in node[union] for branch in _branches(option, definitions)]
    return [node]
