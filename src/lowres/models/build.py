"""From plain values to a detector of transformers, whose import takes seconds: only where one is built."""

import difflib
import logging
import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoBackbone,
    AutoConfig,
    AutoModelForObjectDetection,
    PreTrainedConfig,
    PreTrainedModel,
)

from lowres.models.cpu_attention import install_cpu_attention
from lowres.models.detr import DetrDetector
from lowres.models.fused_attention import install_fused_attention
from lowres.models.initialise import initialise_for_training
from lowres.models.input_channels import widen_input
from lowres.models.paired_loss import install_paired_loss
from lowres.models.strides import drop_early_strides

log = logging.getLogger(__name__)


def build_detector(
    *,
    family: str | None,
    config: Mapping[str, Any],
    class_names: list[str],
    pretrained: str | None = None,
    backbone_weights: str | None = None,
    train_backbone_norm: bool = False,
    stride_shift: int = 0,
    input_channels: int = 3,
    fused_attention: bool = True,
) -> DetrDetector:
    """A detector of `transformers`: random weights by family and config, or pretrained ones.

    `pretrained` is a Hub id or a local folder; its class head is made anew where the classes differ, and the log says
    so. `backbone_weights` is a Hub id or a folder with weights for the backbone alone. `train_backbone_norm` puts live
    batch norms where the library freezes them, which a backbone with random weights needs. `stride_shift` drops early
    strides of the backbone; `input_channels` are those of the thumbnail. ValueError names what cannot be found or
    built.
    """
    labels = {"id2label": dict(enumerate(class_names)), "label2id": {name: i for i, name in enumerate(class_names)}}
    if pretrained is not None:
        hf = _pretrained(pretrained, dict(config), labels)
    else:
        hf = _from_config(family, {**config, **labels}, train_backbone_norm=train_backbone_norm)
    detector = DetrDetector(hf)
    if train_backbone_norm:
        _thaw(detector.backbone)
    elif not any(parameter.requires_grad for parameter in detector.backbone.parameters()):
        _train_later_stages(detector.backbone)
    if backbone_weights is not None:
        _load_backbone(detector.backbone, backbone_weights)
    drop_early_strides(detector.backbone, stride_shift)
    widen_input(detector, input_channels)
    install_paired_loss(hf)
    install_cpu_attention(hf)
    if fused_attention:
        install_fused_attention(hf)
    return detector


def _from_config(family: str | None, config: dict[str, Any], *, train_backbone_norm: bool) -> PreTrainedModel:
    if family is None:
        raise ValueError("model: give a family and its config, or pretrained")
    values = dict(config)
    if isinstance(values.get("backbone_config"), Mapping):
        backbone = dict(values["backbone_config"])
        kind = backbone.pop("model_type", None)
        values["backbone_config"] = _library_config(
            kind, backbone, key="model.config.backbone_config", named="model_type"
        )
    parsed = _library_config(family, values, key="model.config", named="model.family")
    if train_backbone_norm and hasattr(parsed, "freeze_backbone_batch_norms"):
        parsed.freeze_backbone_batch_norms = False
    try:
        model = AutoModelForObjectDetection.from_config(parsed)
    except ValueError as error:
        raise ValueError(f"model.family: {family!r} cannot be built: {str(error).splitlines()[0]}") from error
    initialise_for_training(model)
    return model


def _library_config(kind: str | None, values: dict[str, Any], *, key: str, named: str) -> PreTrainedConfig:
    """A configuration of the library; it would take any key in silence, so unknown ones are refused here."""
    if kind is None or kind not in CONFIG_MAPPING:
        raise ValueError(f"{named}: {kind!r} is no model of transformers{_nearest(str(kind), list(CONFIG_MAPPING))}")
    config_class = CONFIG_MAPPING[kind]
    written = config_class().to_dict()  # what the library itself puts into a saved configuration
    known = {*(field.name for field in fields(config_class)), *config_class.attribute_map, *written, *_EVERY_CONFIG}
    for name in values:
        if name not in known:
            raise ValueError(f"{key}.{name}: unknown key of {kind}{_nearest(name, sorted(known))}")
        value, default = values[name], written.get(name)
        may_be_negative = isinstance(default, int) and default < 0  # an index from the end
        if isinstance(value, int) and value < 0 and not may_be_negative:  # it would build, and fail much later
            raise ValueError(f"{key}.{name}: {value}; it must be 0 or more")
    try:
        return AutoConfig.for_model(kind, **values)
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise ValueError(f"{key}: {' '.join(str(error).split())}") from error


# What any configuration of the library takes, besides its own fields.
_EVERY_CONFIG = {"id2label", "label2id", "num_labels", "out_indices", "out_features", "dtype"}


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _pretrained(source: str, overrides: dict[str, Any], labels: dict[str, Any]) -> PreTrainedModel:
    try:
        config = AutoConfig.from_pretrained(source)
    except OSError as error:
        raise ValueError(
            f"model.pretrained: {source!r}: no folder of this name, and not to be had from the Hub"
        ) from error
    known = list((config.id2label or {}).values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hf, loading = AutoModelForObjectDetection.from_pretrained(
            source, ignore_mismatched_sizes=True, output_loading_info=True, **overrides, **labels
        )
    foreign = sorted(name for name, *_ in loading["mismatched_keys"] if not _is_class_head(name))
    if foreign:
        raise ValueError(
            f"model.config: its values do not fit the weights of {source!r}: {foreign[0]} and {len(foreign) - 1} more "
            "have other shapes; take them out of config"
        )
    if known != list(labels["id2label"].values()):
        log.warning(
            "%s knows other classes than the data (%d there, %d here): %d class heads start anew",
            source,
            len(known),
            len(labels["id2label"]),
            _renew_class_heads(hf),
        )
    return hf


# What the families call the layers whose outputs or rows are classes, denoising embeddings among them.
_CLASS_HEADS = re.compile(r"class_embed|score_head|class_labels_classifier")


def _is_class_head(name: str) -> bool:
    return _CLASS_HEADS.search(name) is not None


@torch.no_grad()
def _renew_class_heads(hf: PreTrainedModel) -> int:
    """Give every class head the weights of a new one; returns how many."""
    fresh = AutoModelForObjectDetection.from_config(hf.config)
    initialise_for_training(fresh)
    new = dict(fresh.named_parameters())
    heads = set()
    for name, parameter in hf.named_parameters():
        if _is_class_head(name):
            parameter.copy_(new[name])
            heads.add(name.rpartition(".")[0])
    return len(heads)


def _load_backbone(backbone: nn.Module, source: str) -> None:
    try:
        weights = AutoBackbone.from_pretrained(source).state_dict()
    except OSError as error:
        raise ValueError(
            f"model.backbone_weights: {source!r}: no folder of this name, and not to be had from the Hub"
        ) from error
    missing, unexpected = backbone.load_state_dict(weights, strict=False)
    lost = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lost:
        raise ValueError(
            f"model.backbone_weights: {source!r} lacks {lost[0]} and {len(lost) - 1} more of this backbone"
        )
    log.info("backbone weights from %s (%d not used)", source, len(unexpected))


def _train_later_stages(backbone: nn.Module) -> None:
    # Deformable-DETR means to freeze the stem and the first stage (arXiv:2010.04159's code). That of transformers
    # (5.23) freezes all of a transformers ResNet: its filter looks for "stage.1" where the names say "stages.1".
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(re.search(r"\bstages\.[1-9]", name) is not None)
    if not any(parameter.requires_grad for parameter in backbone.parameters()):
        log.warning("the backbone %s is frozen whole, as the library builds it", type(backbone).__name__)


def _thaw(backbone: nn.Module) -> None:
    # Random weights could not learn under the norms that the library freezes, nor where it freezes more (above).
    backbone.requires_grad_(requires_grad=True)
    for name, module in list(backbone.named_modules()):
        if type(module).__name__.endswith("FrozenBatchNorm2d"):
            state = module.state_dict()
            live = nn.BatchNorm2d(len(state["weight"]))
            live.load_state_dict(state, strict=False)
            backbone.set_submodule(name, live)
