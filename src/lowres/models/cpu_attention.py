"""Scaled dot-product attention of trainings on a CPU in float32, also under bfloat16 autocast.

PyTorch's CPU kernel, with its backward pass, takes five to six times as long in bfloat16 as in float32 (torch 2.13, two
cores with AMX; `benchmarks/attention_formats.py`), which was a sixth of a training step of a small detector. This can
go when `scaled_dot_product_attention` is as fast in bfloat16.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "trained_in_float32_on_cpu"


def install_cpu_attention(hf: PreTrainedModel) -> None:
    """Let a model whose attention is `sdpa` use this form of it, in place."""
    if hf.config._attn_implementation == "sdpa":
        hf.set_attn_implementation(NAME)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, Tensor | None]:
    """[b, heads, q, dim] -> [b, q, heads, dim]."""
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or not torch.is_grad_enabled():
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if attention_mask is not None and attention_mask.is_floating_point():
        attention_mask = attention_mask.float()
    with torch.autocast("cpu", enabled=False):
        out, weights = sdpa_attention_forward(
            module, query.float(), key.float(), value.float(), attention_mask, **options
        )
    return out.to(query.dtype), weights


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
