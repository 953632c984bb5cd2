"""Initial weights for training from scratch.

Models of transformers are mostly fine-tuned, and some families' random weights are not made to be trained: RT-DETR,
RT-DETRv2 and D-FINE draw the scales of batch norms from a normal distribution around 0 with deviation 0.01 (5.23), so
that next to nothing passes a convolution. The papers' repositories start norms at 1 and linear layers of the
transformer with Xavier's uniform distribution; so do we. Deformable-DETR's heads lack what its authors give them
(arXiv:2010.04159, their code): a prior of 0.01 for every class, and boxes that start at their reference points, 0.12
wide. Without them the first loss is seventy times RT-DETR's.
"""

import math
from typing import Any

import torch
from torch import nn


@torch.no_grad()
def initialise_for_training(model: nn.Module) -> None:
    """Norm scales 1, convolutions by He (arXiv:1502.01852), linear layers by Xavier's uniform; in place.

    What the library starts at zero on purpose (sampling offsets, attention weights, RT-DETR's last box layers),
    other biases and embeddings stay as they are.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm) and module.weight is not None:
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear) and module.weight.any():
            nn.init.xavier_uniform_(module.weight)
    if getattr(getattr(model, "config", None), "model_type", None) == "deformable_detr":
        _start_heads(model)


def _start_heads(model: Any, prior: float = 0.01) -> None:
    for head in model.class_embed:
        nn.init.constant_(head.bias, -math.log((1 - prior) / prior))
    for head in model.bbox_embed:
        nn.init.zeros_(head.layers[-1].weight)
        nn.init.zeros_(head.layers[-1].bias)
    if not model.config.two_stage:  # there the proposals bring their sizes
        nn.init.constant_(model.bbox_embed[0].layers[-1].bias[2:], -2.0)
