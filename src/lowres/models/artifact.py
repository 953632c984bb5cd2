"""A trained model as a folder: weights, what they are, and how to feed them.

`model.safetensors` and `config.json`, each with its sha256 beside it. The configuration holds all that `load_model`
needs; no pickled code, no import by name from a file. Folders of earlier versions lack the sha256 of `config.json`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lowres.models.assemble import ThumbnailModel, assemble
from lowres.models.checksum import check_sha256, has_record, record_sha256
from lowres.models.downsamplers import build_downsampler
from lowres.models.thumbnail import ThumbnailDetector

FORMAT = 2


@dataclass(frozen=True)
class ModelSpec:
    """All that is known of a trained model beside its weights.

    `task` names what it does and `network` how it is built (`lowres.models.assemble`); `input` says how images are
    sized before it (`lowres.data.transforms`); `category_ids` are the data set's official ids in the order of
    `class_names`; `provenance` is free: hash of the data, steps, metrics.
    """

    task: str
    network: dict[str, Any]
    class_names: list[str]
    category_ids: list[int]
    downsampler: dict[str, Any]
    input: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)


def build_from_spec(spec: ModelSpec) -> ThumbnailModel:
    """The model that a specification describes, with random weights."""
    module = build_downsampler(**spec.downsampler)
    return assemble(task=spec.task, downsampler=module, network=spec.network, class_names=spec.class_names)


def save_model(folder: Path, model: nn.Module, spec: ModelSpec) -> None:
    """Write weights and the specification, and the sha256 of both, into a folder that exists."""
    save_weights(folder / "model.safetensors", model)
    config = folder / "config.json"
    config.write_text(json.dumps({"format": FORMAT, **asdict(spec)}, indent=2) + "\n")
    record_sha256(config)


def load_model(folder: Path) -> tuple[ThumbnailModel, ModelSpec]:
    """Model in eval mode and its specification; ValueError for a missing, foreign or damaged folder."""
    spec = load_spec(folder)
    model = build_from_spec(spec)
    load_weights(folder / "model.safetensors", model)
    return model.eval(), spec


def load_detector(folder: Path) -> tuple[ThumbnailDetector, ModelSpec]:
    """Like `load_model`, where only a detector will do; ValueError for a model of another task."""
    model, spec = load_model(folder)
    if not isinstance(model, ThumbnailDetector):
        raise ValueError(f"{folder}: a model for {spec.task}; this needs a detector")
    return model, spec


def load_spec(folder: Path) -> ModelSpec:
    """The specification alone."""
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"{folder}: no trained model here (config.json is missing)")
    if has_record(path):
        check_sha256(path)
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"{path}: not a lowres model of format {FORMAT}; train it anew")
        return ModelSpec(**values)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def save_weights(path: Path, model: nn.Module) -> None:
    """Write a module's weights as safetensors with their sha256 beside them; tied weights are stored once.

    Equal weights give equal bytes: there is no metadata, whose order safetensors does not keep.
    """
    first = _first_names(model)
    state = model.state_dict()
    save_file({name: state[name].contiguous() for name, kept in first.items() if name == kept}, str(path))
    record_sha256(path)


def load_weights(path: Path, model: nn.Module) -> None:
    """Read weights into a module after checking their sha256; ValueError if a bit has changed or names differ."""
    if not path.is_file():
        raise ValueError(f"{path}: the file of weights is missing")
    check_sha256(path)
    stored = load_file(str(path))
    first = _first_names(model)
    odd = sorted(set(stored) ^ set(first.values()))
    if odd:
        where = "the file alone has" if odd[0] in stored else "the file lacks"
        raise ValueError(f"{path}: weights do not fit the model: {where} {odd[0]}")
    try:
        model.load_state_dict({name: stored[kept] for name, kept in first.items()})
    except RuntimeError as error:
        raise ValueError(f"{path}: weights do not fit the model: {' '.join(str(error).split())[:200]}") from error


def _first_names(model: nn.Module) -> dict[str, str]:
    """Every name in the state, with the first name of the same tensor: its own, or that of what it is tied to."""
    first: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    names = {}
    for name, tensor in sorted(model.state_dict().items()):
        # Empty tensors share an address without being tied.
        key = (tensor.data_ptr() if tensor.numel() else id(tensor), tensor.shape, tensor.stride())
        names[name] = first.setdefault(key, name)
    return names
