"""Thumbnail classifiers small enough for tests, with weights that tell images apart, and model folders of them."""

from pathlib import Path

import torch
from torch import nn

from lowres.models.artifact import ModelSpec, build_from_spec, save_model
from lowres.models.thumbnail_classifier import ThumbnailClassifier

SIDE_PX = 32
CLASS_NAMES = ["keep right", "no entry", "speed 30", "speed 50", "stop", "yield"]
LEARNED = {"kind": "learned", "ratio": 4, "layers": 2, "hidden_channels": 4, "final_relu": False, "skip": "bicubic"}
BICUBIC = {"kind": "bicubic", "ratio": 4}


def tiny_spec(family: str = "alexnet", *, downsampler: dict = BICUBIC, restore: str = "bicubic") -> ModelSpec:
    mean, std = [0.5, 0.4, 0.3], [0.25, 0.2, 0.3]
    return ModelSpec(
        task="classification",
        network={"family": family, "width": 0.125, "dropout": 0.0, "mean": mean, "std": std, "restore": restore},
        class_names=CLASS_NAMES,
        category_ids=list(range(6)),
        downsampler=dict(downsampler),
        input={"short_side_px": SIDE_PX, "long_side_px": SIDE_PX, "stretch": True, "canvas_multiple_px": SIDE_PX},
    )


def tiny_classifier(spec: ModelSpec) -> ThumbnailClassifier:
    torch.manual_seed(0)
    model = build_from_spec(spec)
    assert isinstance(model, ThumbnailClassifier)
    with torch.no_grad():
        # Statistics as training leaves them: with fresh ones the signal grows from block to block, and with small
        # weights it dies out; either way probabilities would be a matter of rounding.
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
        model.train()(torch.rand(32, 3, SIDE_PX, SIDE_PX))
        model.eval()
        linear = model.classifier.linear
        features = model(torch.rand(16, 3, SIDE_PX, SIDE_PX)).features
        # Logits of deviation one about zero: probabilities that differ from class to class and image to image.
        linear.weight.copy_(torch.randn_like(linear.weight) / features.std(dim=0).norm())
        linear.bias.copy_(-linear.weight @ features.mean(dim=0))
    return model.eval()


def save_tiny_classifier(folder: Path, spec: ModelSpec | None = None) -> ThumbnailClassifier:
    spec = spec or tiny_spec()
    model = tiny_classifier(spec)
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder, model, spec)
    return model
