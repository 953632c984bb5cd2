"""From plain values to modules: the one place that maps names to classes."""

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import AutoBackbone, AutoConfig, AutoModelForObjectDetection, PreTrainedModel

from lowres.models.cpu_attention import install_cpu_attention
from lowres.models.detr import DetrDetector
from lowres.models.downsamplers import FixedDownsampler, IdentityDownsampler, LearnedDownsampler
from lowres.models.fused_attention import install_fused_attention
from lowres.models.initialise import initialise_for_training
from lowres.models.paired_loss import install_paired_loss
from lowres.models.strides import drop_early_strides

log = logging.getLogger(__name__)

DOWNSAMPLERS = ("identity", "bicubic", "bilinear", "area", "learned")


def build_downsampler(*, kind: str, ratio: int, **options: Any) -> nn.Module:
    """A down-sampler by name; `options` are the learned module's own. ValueError for what cannot be built."""
    if kind == "identity":
        if ratio != 1:
            raise ValueError(f"downsampler: kind identity keeps the size, ratio is {ratio}; use ratio 1")
        return IdentityDownsampler()
    if kind in ("bicubic", "bilinear", "area"):
        return FixedDownsampler(kind=kind, ratio=ratio)
    if kind == "learned":
        return LearnedDownsampler(ratio=ratio, **options)
    raise ValueError(f"downsampler.kind: {kind!r} unknown; use one of {', '.join(DOWNSAMPLERS)}")


def build_detector(
    *,
    family: str | None,
    config: Mapping[str, Any],
    class_names: list[str],
    pretrained: str | None = None,
    backbone_weights: str | None = None,
    train_backbone_norm: bool = False,
    stride_shift: int = 0,
    fused_attention: bool = True,
) -> DetrDetector:
    """A detector of `transformers`: random weights by family and config, or pretrained ones.

    `pretrained` is a Hub id or a local folder; its class head is made anew where the classes differ, and the log says
    so. `backbone_weights` is a Hub id or a folder with weights for the backbone alone. `train_backbone_norm` puts live
    batch norms where the library freezes them, which a backbone with random weights needs. `stride_shift` drops early
    strides of the backbone. ValueError names what cannot be found or built.
    """
    labels = {"id2label": dict(enumerate(class_names)), "label2id": {name: i for i, name in enumerate(class_names)}}
    if pretrained is not None:
        hf = _pretrained(pretrained, dict(config), labels)
    else:
        hf = _from_config(family, {**config, **labels}, train_backbone_norm=train_backbone_norm)
    detector = DetrDetector(hf)
    if train_backbone_norm:
        _thaw(detector.backbone)
    if backbone_weights is not None:
        _load_backbone(detector.backbone, backbone_weights)
    drop_early_strides(detector.backbone, stride_shift)
    install_paired_loss(hf)
    install_cpu_attention(hf)
    if fused_attention:
        install_fused_attention(hf)
    return detector


def _from_config(family: str | None, config: dict[str, Any], *, train_backbone_norm: bool) -> PreTrainedModel:
    values = dict(config)
    if isinstance(values.get("backbone_config"), Mapping):
        backbone = dict(values["backbone_config"])
        values["backbone_config"] = AutoConfig.for_model(backbone.pop("model_type"), **backbone)
    if family is None:
        raise ValueError("model: give a family and its config, or pretrained")
    try:
        parsed = AutoConfig.for_model(family, **values)
    except ValueError as error:
        raise ValueError(f"model.family: {family!r}: {str(error).splitlines()[0]}") from error
    if train_backbone_norm and hasattr(parsed, "freeze_backbone_batch_norms"):
        parsed.freeze_backbone_batch_norms = False
    try:
        model = AutoModelForObjectDetection.from_config(parsed)
    except ValueError as error:
        raise ValueError(f"model.family: {family!r} is no object detector of transformers") from error
    initialise_for_training(model)
    return model


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
        hf = AutoModelForObjectDetection.from_pretrained(source, ignore_mismatched_sizes=True, **overrides, **labels)
    if known != list(labels["id2label"].values()):
        log.warning(
            "%s knows %d classes, the data has %d others: the class heads start anew",
            source,
            len(known),
            len(labels["id2label"]),
        )
    return hf


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


def _thaw(backbone: nn.Module) -> None:
    # Deformable-DETR of transformers always freezes its backbone's norms, and with a ResNet of transformers all of its
    # weights (its filter looks for "stage.1" where the names say "stages.1"); random weights could never learn so.
    backbone.requires_grad_(requires_grad=True)
    for name, module in list(backbone.named_modules()):
        if type(module).__name__.endswith("FrozenBatchNorm2d"):
            state = module.state_dict()
            live = nn.BatchNorm2d(len(state["weight"]))
            live.load_state_dict(state, strict=False)
            backbone.set_submodule(name, live)
