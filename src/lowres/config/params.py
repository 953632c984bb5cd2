"""The strict schema of params.yaml: one section per stage, every value written out.

Unknown keys, wrong types and impossible values are errors that name the key, the value and what is allowed. No
scientific value has a default here: a preset that leaves one out does not parse.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lowres.config.base import Count, Fraction, NotNegative, Positive, Strict
from lowres.config.data import Data
from lowres.config.detection import Distill, Teacher
from lowres.config.downsampler import Downsampler


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
    """All of params.yaml; `task` says what the models do."""

    task: Literal["detection"]
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
        lines = [_line(fault, values) for fault in error.errors()]
        raise ValueError(f"{origin}: " + "; ".join(lines)) from error


def json_schema() -> dict[str, Any]:
    """JSON schema of params.yaml, for editors."""
    return Params.model_json_schema()


def fingerprint(*parts: Any) -> str:
    """A short hash of plain values: the key of a run's checkpoints."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _line(fault: Any, values: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(_written(fault["loc"], values))
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys_at(location[:-1]), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_keys_at(location[:-1]))}"
        return f"{key}: unknown key{hint}"
    if fault["type"] == "missing":
        return f"{key}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    got = "" if isinstance(fault["input"], dict) else f" (got {fault['input']!r})"
    return f"{key}: {message}{got}" if key else message


def _written(location: tuple[str | int, ...], values: Any) -> Iterator[str]:
    """The location as it stands in the file: without the names by which discriminated unions choose."""
    for depth, part in enumerate(location, start=1):
        if isinstance(values, dict) and part not in values and depth < len(location):
            continue
        yield str(part)
        is_inside = (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int)
        )
        values = values[part] if is_inside else None


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
