"""Box losses of matched pairs, without the matrix of all pairs.

The losses of transformers compute (generalised) IoU between every matched prediction and every matched object of the
batch, with gradients, and then read the diagonal (5.23; every family does). With denoising queries that matrix has
hundreds of thousands of entries, times decoder layers: a fifth of a training step of a small RT-DETRv2 on two CPU
cores. Here each pair is computed once and put on a diagonal of zeros, which is what the library's code then reads.
Same values and gradients to rounding; where the library divides an empty intersection by an empty union (NaN), it is 0.
"""

from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lowres.models.rebinding import rebound
from lowres.ops.boxes import giou, iou


def install_paired_loss(hf: PreTrainedModel) -> bool:
    """Let this model's loss compute matched pairs alone, in place; returns whether its loss is one that needed it."""
    stock: Any = hf.loss_function
    if not isinstance(stock, FunctionType):
        return False
    reads = {name: stock.__globals__.get(name) for name in stock.__code__.co_names}
    replaced = {
        name: _with_paired_boxes(value)
        for name, value in reads.items()
        if isinstance(value, type) and issubclass(value, nn.Module) and _diagonal_methods(value)
    }
    if replaced:
        hf.loss_function = rebound(stock, **replaced)
    return bool(replaced)


def _with_paired_boxes(criterion: type[nn.Module]) -> type[nn.Module]:
    """A subclass whose methods that read a diagonal get one."""
    functions = {"box_iou": _iou_on_diagonal, "generalized_box_iou": _giou_on_diagonal}
    methods = {
        name: rebound(method, **{key: value for key, value in functions.items() if key in method.__code__.co_names})
        for name, method in _diagonal_methods(criterion).items()
    }
    return type(f"Paired{criterion.__name__}", (criterion,), methods)


def _diagonal_methods(criterion: type) -> dict[str, FunctionType]:
    found: dict[str, FunctionType] = {}
    for owner in reversed(criterion.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, FunctionType) and "diag" in value.__code__.co_names:
                found[name] = value
            else:
                found.pop(name, None)
    return found


def _iou_on_diagonal(first: Tensor, second: Tensor) -> tuple[Tensor, None]:
    """In the place of the library's `box_iou`, whose second result, the unions, nobody reads there."""
    return torch.diag_embed(iou(_at_least_single(first), _at_least_single(second))), None


def _giou_on_diagonal(first: Tensor, second: Tensor) -> Tensor:
    return torch.diag_embed(giou(_at_least_single(first), _at_least_single(second)))


def _at_least_single(boxes: Tensor) -> Tensor:
    return boxes.float() if boxes.dtype in (torch.float16, torch.bfloat16) else boxes
