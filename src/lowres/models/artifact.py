"""A trained detector as a folder: weights, what they are, and how to feed them.

`model.safetensors` (with its sha256 beside it) and `config.json`. The configuration holds all that `load_detector`
needs; no pickled code, no import by name from a file.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lowres.models.build import build_detector, build_downsampler
from lowres.models.detr import DetrDetector
from lowres.models.thumbnail import ThumbnailDetector

FORMAT = 1


@dataclass(frozen=True)
class DetectorSpec:
    """All that is known of a trained detector beside its weights.

    `input` says how images are sized before the model (`lowres.data.transforms`); `category_ids` are the data set's
    official ids in the order of `class_names`; `provenance` is free: data md5, config hash, commit, metrics.
    """

    class_names: list[str]
    category_ids: list[int]
    family: str
    hf_config: dict[str, Any]
    stride_shift: int
    train_backbone_norm: bool
    downsampler: dict[str, Any]
    input: dict[str, Any]
    fused_attention: bool = True
    provenance: dict[str, Any] = field(default_factory=dict)


def build_from_spec(spec: DetectorSpec) -> ThumbnailDetector:
    """The model that a specification describes, with random weights."""
    config = {
        name: value for name, value in spec.hf_config.items() if name not in ("model_type", "id2label", "label2id")
    }
    detector = build_detector(
        family=spec.family,
        config=config,
        class_names=spec.class_names,
        train_backbone_norm=spec.train_backbone_norm,
        stride_shift=spec.stride_shift,
        fused_attention=spec.fused_attention,
    )
    return ThumbnailDetector(build_downsampler(**spec.downsampler), detector)


def hf_config(detector: DetrDetector) -> dict[str, Any]:
    """The library's configuration of a detector as plain data."""
    return json.loads(detector.hf.config.to_json_string(use_diff=False))


def save_detector(folder: Path, model: ThumbnailDetector, spec: DetectorSpec) -> None:
    """Write weights, their sha256 and the specification into a folder that exists."""
    save_weights(folder / "model.safetensors", model)
    (folder / "config.json").write_text(json.dumps({"format": FORMAT, **asdict(spec)}, indent=2) + "\n")


def load_detector(folder: Path) -> tuple[ThumbnailDetector, DetectorSpec]:
    """Model in eval mode and its specification; ValueError for a missing, foreign or damaged folder."""
    spec = load_spec(folder)
    model = build_from_spec(spec)
    load_weights(folder / "model.safetensors", model)
    return model.eval(), spec


def load_spec(folder: Path) -> DetectorSpec:
    """The specification alone."""
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"{folder}: no trained model here (config.json is missing)")
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"{path}: not a lowres model of format {FORMAT}")
        return DetectorSpec(**values)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def save_weights(path: Path, model: nn.Module) -> None:
    """Write a module's weights as safetensors with their sha256 beside them; tied weights are stored once.

    Equal weights give equal bytes: there is no metadata, whose order safetensors does not keep.
    """
    first = _first_names(model)
    state = model.state_dict()
    save_file({name: state[name].contiguous() for name, kept in first.items() if name == kept}, str(path))
    path.with_name(path.name + ".sha256").write_text(sha256_of(path) + "\n")


def load_weights(path: Path, model: nn.Module) -> None:
    """Read weights into a module after checking their sha256; ValueError if a bit has changed or names differ."""
    if not path.is_file():
        raise ValueError(f"{path}: the file of weights is missing")
    beside = path.with_name(path.name + ".sha256")
    expected = beside.read_text().strip() if beside.is_file() else None
    if expected is None or sha256_of(path) != expected:
        raise ValueError(f"{path}: its sha256 is not the one in {beside.name}; the file is damaged, make it anew")
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


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
