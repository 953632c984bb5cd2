"""From a task's name and plain values to a whole model: down-sampler and network; the one table of tasks in `models/`.

`network` is what a trained model's config.json keeps of its network, so that it can be built again without weights.
"""

import json
from collections.abc import Mapping
from typing import Any

from torch import nn

from lowres.models.classifiers import build_classifier
from lowres.models.detr import DetrDetector
from lowres.models.thumbnail import ThumbnailDetector
from lowres.models.thumbnail_classifier import ThumbnailClassifier

ThumbnailModel = ThumbnailDetector | ThumbnailClassifier


def assemble(
    *, task: str, downsampler: nn.Module, network: Mapping[str, Any], class_names: list[str]
) -> ThumbnailModel:
    """The model of a task, with random weights; ValueError for an unknown task."""
    if task not in _ASSEMBLE:
        raise ValueError(f"task: {task!r} unknown; use one of {', '.join(_ASSEMBLE)}")
    return _ASSEMBLE[task](downsampler, network, class_names)


def describe_detector(
    detector: DetrDetector, *, stride_shift: int, input_channels: int, train_backbone_norm: bool, fused_attention: bool
) -> dict[str, Any]:
    """The `network` of a detector."""
    return {
        "family": detector.family,
        "config": hf_config(detector),
        "stride_shift": stride_shift,
        "input_channels": input_channels,
        "train_backbone_norm": train_backbone_norm,
        "fused_attention": fused_attention,
    }


def hf_config(detector: DetrDetector) -> dict[str, Any]:
    """The library's configuration of a detector as plain data."""
    return json.loads(detector.hf.config.to_json_string(use_diff=False))


def _detector(downsampler: nn.Module, network: Mapping[str, Any], class_names: list[str]) -> ThumbnailDetector:
    from lowres.models.build import build_detector

    values = dict(network)
    named_by_us = ("model_type", "id2label", "label2id")
    config = {name: value for name, value in values.pop("config").items() if name not in named_by_us}
    return ThumbnailDetector(downsampler, build_detector(**values, config=config, class_names=class_names))


def _classifier(downsampler: nn.Module, network: Mapping[str, Any], class_names: list[str]) -> ThumbnailClassifier:
    values = dict(network)
    restore = values.pop("restore")
    return ThumbnailClassifier(downsampler, build_classifier(**values, num_classes=len(class_names)), restore=restore)


_ASSEMBLE = {"detection": _detector, "classification": _classifier}
