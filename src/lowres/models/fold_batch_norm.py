"""Batch norms that follow a convolution, merged into its weights: for inference, where they are constants."""

from itertools import pairwise
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_NAMED_PAIRS = (("convolution", "normalization"), ("conv", "norm"))


def fold_batch_norm(model: nn.Module) -> int:
    """Merge batch norms into the convolutions they follow, in place; returns how many. For inference only.

    Folded are neighbours in a Sequential, and what transformers calls `convolution` and `normalization`, or `conv` and
    `norm`, of one module. Raises ValueError for a model in training mode, whose batch norms are no constants.
    """
    if model.training:
        raise ValueError("model: it is in training mode, where batch norm follows the batch; call .eval() first")
    folded = 0
    for module in list(model.modules()):
        children = list(module._modules)
        pairs = pairwise(children) if isinstance(module, nn.Sequential) else _NAMED_PAIRS
        for conv_name, norm_name in pairs:
            conv: Any = getattr(module, conv_name, None)
            norm: Any = getattr(module, norm_name, None)
            if not isinstance(conv, nn.Conv2d) or not _is_batch_norm(norm):
                continue
            weight, bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                norm.running_mean,
                norm.running_var,
                getattr(norm, "eps", 1e-5),  # transformers' frozen batch norms have it as a constant in their code
                norm.weight,
                norm.bias,
            )
            conv.weight = nn.Parameter(weight.detach(), requires_grad=conv.weight.requires_grad)
            conv.bias = nn.Parameter(bias.detach(), requires_grad=conv.weight.requires_grad)
            setattr(module, norm_name, nn.Identity())
            folded += 1
    return folded


def _is_batch_norm(module: object) -> bool:
    return isinstance(module, nn.BatchNorm2d) or type(module).__name__.endswith("FrozenBatchNorm2d")
