"""Put our fused deformable attention (`lowres.ops.deformable_attention`) into a transformers model, and take it out.

transformers 5.23 calls `grid_sample` from three kinds of place, so there are three ways in, all on the instance: the
library stays untouched, and so do parameter names, `state_dict`, `deepcopy` and pickling.

1. A sub-module `attn` without parameters (deformable_detr, rt_detr, lw_detr, rf_detr, grounding_dino and their like):
   replaced by a module that keeps the stock one.
2. A function in the attribute `ms_deformable_attn_core` (d_fine, deimv2): replaced by a callable that keeps it.
3. A function of the module's file (rt_detr_v2): the attention changes its class to a subclass whose `forward` is the
   same code, reading that one name elsewhere.

"Discrete" sampling (an option of rt_detr_v2, d_fine and deimv2) takes whole pixels instead of interpolating: other
mathematics, cheap as it is, and left on the stock path.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import RTDetrV2MultiscaleDeformableAttention

from lowres.models.rebinding import rebound
from lowres.ops.deformable_attention import deformable_attention

logger = logging.getLogger(__name__)


def install_fused_attention(model: nn.Module) -> int:
    """Replace the stock deformable attention in this model by the fused form; returns the number of modules replaced.

    Zero where there is none, or where it is in place already. Outputs and gradients agree with stock to rounding.
    Modules with discrete sampling are left as they are, and named in a warning.
    """
    replaced = 0
    discrete: list[str] = []
    module: Any
    for name, module in list(model.named_modules()):
        if not _has_stock_attention(module):
            continue
        if getattr(module, "method", getattr(module, "decoder_method", "default")) != "default":
            discrete.append(name)
            continue
        if isinstance(module, RTDetrV2MultiscaleDeformableAttention):
            module.__class__ = FusedRTDetrV2Attention
        elif hasattr(module, "ms_deformable_attn_core"):
            module.ms_deformable_attn_core = FusedFunction(module.ms_deformable_attn_core)
        else:
            module.attn = FusedCore(module.attn)
        replaced += 1
    if discrete:
        logger.warning("deformable attention with discrete sampling stays on the stock path: %s", ", ".join(discrete))
    return replaced


def remove_fused_attention(model: nn.Module) -> int:
    """Put the stock attention back, as ONNX export needs (it has `grid_sample`); returns the number restored."""
    restored = 0
    module: Any
    for module in list(model.modules()):
        if isinstance(module, FusedRTDetrV2Attention):
            module.__class__ = RTDetrV2MultiscaleDeformableAttention  # pyright: ignore[reportAttributeAccessIssue]
        elif isinstance(getattr(module, "ms_deformable_attn_core", None), FusedFunction):
            module.ms_deformable_attn_core = module.ms_deformable_attn_core.stock
        elif isinstance(getattr(module, "attn", None), FusedCore):
            module.attn = module.attn.stock
        else:
            continue
        restored += 1
    return restored


@contextmanager
def fused_attention_disabled(model: nn.Module) -> Iterator[None]:
    """Within it the model runs the stock attention; afterwards the fused form is back, if it was there before."""
    restored = remove_fused_attention(model)
    try:
        yield
    finally:
        if restored:
            install_fused_attention(model)


def _has_stock_attention(module: nn.Module) -> bool:
    if isinstance(module, RTDetrV2MultiscaleDeformableAttention):
        return not isinstance(module, FusedRTDetrV2Attention)
    core = getattr(module, "ms_deformable_attn_core", None)
    if core is not None:
        return not isinstance(core, FusedFunction)
    return type(getattr(module, "attn", None)).__name__ == "MultiScaleDeformableAttention"


class FusedCore(nn.Module):
    """In the place of transformers' parameterless `MultiScaleDeformableAttention`, which it keeps as `stock`."""

    def __init__(self, stock: nn.Module) -> None:
        super().__init__()
        self.stock = stock

    def forward(
        self,
        value: Tensor,
        value_spatial_shapes: Tensor,
        value_spatial_shapes_list: list[tuple[int, int]],
        level_start_index: Tensor,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        im2col_step: int,
    ) -> Tensor:
        """[b, s, heads, dim] sampled at [b, q, heads, levels, points, 2] -> [b, q, heads * dim]."""
        return deformable_attention(value, value_spatial_shapes_list, sampling_locations, attention_weights)


def _fused_v2(
    value: Tensor,
    value_spatial_shapes: list[tuple[int, int]],
    sampling_locations: Tensor,
    attention_weights: Tensor,
    num_points_list: list[int],
    method: str = "default",
) -> Tensor:
    """The stock `multi_scale_deformable_attention_v2`: locations [b, q, heads, sum(points), 2]."""
    assert method == "default", "discrete sampling must not have been replaced"
    return deformable_attention(value, value_spatial_shapes, sampling_locations, attention_weights, num_points_list)


class FusedFunction:
    """In the place of a module's `multi_scale_deformable_attention_v2`, which it keeps as `stock`."""

    def __init__(self, stock: Callable[..., Tensor]) -> None:
        self.stock = stock

    def __call__(self, *arguments: Any) -> Tensor:
        """As the stock function."""
        return _fused_v2(*arguments)


class FusedRTDetrV2Attention(RTDetrV2MultiscaleDeformableAttention):
    """RT-DETRv2's attention with the fused sampling."""

    forward = rebound(RTDetrV2MultiscaleDeformableAttention.forward, multi_scale_deformable_attention_v2=_fused_v2)
