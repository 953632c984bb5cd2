"""Size and arithmetic of a model: parameters, and multiply-adds by torch's operator-level counter.

`torch.utils.flop_counter` counts two FLOPs per multiply-add of convolutions and matrix products; we halve. It is blind
to some operators that a detector uses on a CPU (torch 2.13), each of which gets a formula here:

- attention: F.scaled_dot_product_attention's CPU kernel, b h (q k d + q k d_v); the fused path of
  nn.MultiheadAttention is switched off while counting;
- F.embedding_bag with per-sample weights: indices x channels (a weighted sum of rows; without weights, none);
- F.grid_sample: 4 (bilinear), 16 (bicubic) or 0 (nearest) x output elements.

Element-wise operators, biases, normalisation, softmax, pooling, sorting and image resizing are not counted, as is usual
in papers; `count_arithmetic` says how many output elements such operators made.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

_aten = torch.ops.aten

# Operators that hold matrix products the counter cannot see and that have no formula here.
_OPAQUE = {
    _aten._native_multi_head_attention,
    _aten._transformer_encoder_layer_fwd,
    _aten.mkldnn_rnn_layer,
    _aten._thnn_fused_lstm_cell,
    _aten._thnn_fused_gru_cell,
    _aten._cudnn_rnn,
    _aten._trilinear,
    _aten.mv,
    _aten.addmv,
    _aten.dot,
}


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-adds of one forward pass, in total and by operator, and what ran without being counted."""

    multiply_adds: int
    by_operator: dict[str, int]
    not_counted_elements: dict[str, int]  # operator: output elements; views left out


def count_parameters(model: nn.Module, *, trainable_only: bool = False) -> int:
    """Numbers in the model's parameters, shared ones once; buffers (as of frozen batch norm) are not parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def multiply_adds(model: nn.Module, example_inputs: Tensor | Sequence[Any] | Mapping[str, Any]) -> int:
    """Multiply-adds of one forward pass in eval mode on these inputs, for the whole batch given.

    A tensor is the only argument, a mapping holds keyword arguments, any other sequence positional ones.
    Raises `ValueError` if the model runs an operator that hides matrix products from the counter.
    """
    return count_arithmetic(model, example_inputs).multiply_adds


def count_arithmetic(model: nn.Module, example_inputs: Tensor | Sequence[Any] | Mapping[str, Any]) -> Arithmetic:
    """As `multiply_adds`, by operator and with what was not counted."""
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    witness = _Witness()
    with _evaluating(model), torch.no_grad(), witness, counter:  # the witness sees what the counter lets through
        if isinstance(example_inputs, Tensor):
            model(example_inputs)
        elif isinstance(example_inputs, Mapping):
            model(**example_inputs)
        else:
            model(*example_inputs)
    opaque = sorted(str(packet) for packet in witness.elements if packet in _OPAQUE)
    if opaque:
        raise ValueError(f"multiply-adds: the model runs {', '.join(opaque)}, which cannot be counted; add a formula")
    flops = counter.get_flop_counts().get("Global", {})
    known = set(counter.flop_registry)
    uncounted = {str(packet): n for packet, n in witness.elements.items() if packet not in known}
    return Arithmetic(
        multiply_adds=counter.get_total_flops() // 2,
        by_operator={str(packet): count // 2 for packet, count in flops.items()},
        not_counted_elements=dict(sorted(uncounted.items(), key=lambda item: -item[1])),
    )


class _Witness(TorchDispatchMode):
    """Adds up the output elements of every operator that runs, views aside."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: Counter[Any] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not getattr(func, "is_view", False):
            made = sum(leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
            self.elements[getattr(func, "overloadpacket", func)] += made
        return out


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode without fused transformer layers and gradients; afterwards all is as it was.

    Parameters must not even ask for gradients: the counter's module tracker fails where one is a module's input
    (a detector's query embeddings) while gradients are off.
    """
    training = [(module, module.training) for module in model.modules()]
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        model.eval()
        for parameter in learning:
            parameter.requires_grad_(False)
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, mode in training:
            module.training = mode
        for parameter in learning:
            parameter.requires_grad_(True)


def _attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _embedding_bag_flops(
    weight: torch.Size,
    indices: torch.Size,
    offsets: torch.Size,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: torch.Size | None = None,
    *_: Any,
    **__: Any,
) -> int:
    return 0 if per_sample_weights is None else 2 * math.prod(indices) * weight[1]


def _grid_sample_flops(
    inputs: torch.Size, grid: torch.Size, interpolation_mode: int = 0, *_: Any, out_shape: torch.Size, **__: Any
) -> int:
    taps = {0: 4, 1: 0, 2: 16}[interpolation_mode]  # bilinear, nearest, bicubic
    return 2 * taps * math.prod(out_shape)


_FORMULAS = {
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    _aten._embedding_bag: _embedding_bag_flops,
    _aten._embedding_bag_forward_only: _embedding_bag_flops,
    _aten.grid_sampler_2d: _grid_sample_flops,
    _aten.cudnn_grid_sampler: _grid_sample_flops,
}
