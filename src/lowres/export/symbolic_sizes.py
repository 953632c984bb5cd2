"""Let image sizes stay symbols while a model of transformers is traced for export.

The graph is traced once and must serve every image size. transformers 5.23 turns sizes into Python numbers in a few
places, which fixes them to the example's; here those places are replaced for the time of the trace. What a
replacement computes is checked by every export's comparison with the untouched model, at several sizes.
Each entry can go when transformers keeps that size symbolic.
"""

import builtins
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def symbolic_sizes(hf: "PreTrainedModel") -> Iterator[None]:
    """Within it `hf` can be traced with symbolic sizes: stock deformable attention, no size made a number."""
    from lowres.models.fused_attention import fused_attention_disabled

    module = sys.modules[type(hf).__module__]
    replaced = {
        "len": _len,  # rt_detr_v2, d_fine: `batch_size = len(source_flatten)`
        "torch_int": _same,  # rt_detr_v2, d_fine: position embeddings call int() on height and width
        "torch_compilable_check": _nothing,  # reads a tensor's value, which makes the trace depend on it
    }
    with ExitStack() as stack:
        stack.enter_context(fused_attention_disabled(hf))
        for name, function in replaced.items():
            if name == "len" or hasattr(module, name):
                stack.enter_context(mock.patch.object(module, name, function, create=True))
        stack.enter_context(mock.patch.object(torch, "as_tensor", _as_tensor))
        stack.enter_context(mock.patch.object(torch, "linspace", _linspace))
        yield


def _len(value: object) -> int:
    # The builtin must return a Python number; a tensor's first size may be a symbol.
    return value.shape[0] if isinstance(value, Tensor) else builtins.len(value)  # pyright: ignore[reportArgumentType]


def _same(value: int) -> int:
    return value


def _nothing(*_: object, **__: object) -> None:
    return None


_torch_as_tensor, _torch_linspace = torch.as_tensor, torch.linspace


def _as_tensor(data, **options) -> Tensor:
    # deformable_detr: a list of (height, width) would be read as numbers.
    if isinstance(data, list | tuple) and any(isinstance(size, torch.SymInt) for pair in data for size in _items(pair)):
        return torch.stack([_as_tensor(item, **options) for item in data])
    if isinstance(data, torch.SymInt):
        return torch.full((), data, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return _torch_as_tensor(data, **options)


def _items(value: object) -> list | tuple:
    return value if isinstance(value, list | tuple) else (value,)  # pyright: ignore[reportReturnType]


def _linspace(start: float, end: float, steps: int, **options) -> Tensor:
    # deformable_detr: grids with as many steps as pixels, so that the distance of two points is one.
    if not isinstance(steps, torch.SymInt):
        return _torch_linspace(start, end, steps, **options)
    return torch.arange(steps, **options) + start
