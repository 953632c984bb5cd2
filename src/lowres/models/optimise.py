"""The same detector in less time on a CPU: exact rewritings of what surrounds the sampling in transformers' models.

Measured at 800 x 1333 with Deformable-DETR (`benchmarks/teacher_vs_stock.py`): after `install_fused_attention` the time
goes to batch norms that pass twice over every feature map, to arithmetic broadcast over a last dimension of two, and to
feed-forward layers whose hidden activations (91 MB) leave the cache. None of this changes the mathematics; results
differ from stock by rounding only. Measured and left alone: the sine position embeddings, under 1% of the time.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.deformable_detr.modeling_deformable_detr import (
    DeformableDetrMLP,
    DeformableDetrMultiscaleDeformableAttention,
)

from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.fused_attention import install_fused_attention

# Tokens of a feed-forward chunk: 2 MB of hidden activations at the usual width of 1024.
_CHUNK = 512


def optimised_for_inference(model: nn.Module) -> nn.Module:
    """A copy of a detector that gives the same outputs sooner: in eval mode, without gradients, for `no_grad` use.

    All of this file, with fused attention, batch norms folded, and convolution weights in channels-last order. The
    copy's `state_dict` has other keys where batch norms were folded away: save and export the original.
    """
    optimised = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
    install_fused_attention(optimised)
    fold_batch_norm(optimised)
    rewrite_sampling_locations(optimised)
    chunk_feed_forward(optimised)
    return optimised.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def rewrite_sampling_locations(model: nn.Module) -> int:
    """Let Deformable-DETR's attention compute its sampling locations in whole rows, in place; returns how many modules.

    Good for training and inference: outputs and gradients are those of stock.
    """
    return _change_class(model, DeformableDetrMultiscaleDeformableAttention, RowwiseDeformableAttention)


def chunk_feed_forward(model: nn.Module) -> int:
    """Let Deformable-DETR's feed-forward layers take tokens in chunks, in place; returns how many modules.

    Only where no gradient is wanted: with gradients the hidden activations must be kept anyway.
    """
    return _change_class(model, DeformableDetrMLP, ChunkedMLP)


def _change_class(model: nn.Module, stock: type[nn.Module], ours: type[nn.Module]) -> int:
    modules: list[Any] = [module for module in model.modules() if type(module) is stock]
    for module in modules:
        module.__class__ = ours
    return len(modules)


class ChunkedMLP(DeformableDetrMLP):
    """Stock, a few tokens at a time."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """[b, s, d] -> [b, s, d]."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(hidden_states)
        rows = hidden_states.reshape(-1, hidden_states.shape[-1])
        parts = [self.fc2(self.activation_fn(self.fc1(chunk))) for chunk in rows.split(_CHUNK)]
        return torch.cat(parts).view_as(hidden_states)


class RowwiseDeformableAttention(DeformableDetrMultiscaleDeformableAttention):
    """Stock, with constants spread over levels, points and coordinates beforehand.

    PyTorch's element-wise kernels are many times slower where the last dimensions of two operands do not match.
    """

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        position_embeddings: Tensor | None = None,
        reference_points: Any = None,
        spatial_shapes: Any = None,
        spatial_shapes_list: Any = None,
        level_start_index: Any = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """As stock: queries [b, q, d], memory [b, s, d] -> [b, q, d] and the weights [b, q, heads, levels, points]."""
        if position_embeddings is not None:
            hidden_states = hidden_states + position_embeddings
        b, q, _ = hidden_states.shape
        s = encoder_hidden_states.shape[1]
        heads, levels, points = self.n_heads, self.n_levels, self.n_points

        value = self.value_proj(encoder_hidden_states)
        if attention_mask is not None and not _is_all_true(attention_mask):
            value = value.masked_fill(~attention_mask[..., None], 0.0)
        offsets = self.sampling_offsets(hidden_states).view(b, q, heads, levels * points * 2)
        weights = self.attention_weights(hidden_states).view(b, q, heads, levels * points)
        weights = weights.softmax(-1).view(b, q, heads, levels, points)

        centre = _spread(reference_points[..., :2], points)[:, :, None]
        if reference_points.shape[-1] == 2:
            size_wh = _spread(spatial_shapes.flip(-1).to(offsets.dtype), points)
            locations = torch.addcdiv(centre, offsets, size_wh)
        else:
            box_wh = _spread(reference_points[..., 2:], points)[:, :, None]
            locations = centre + offsets / points * box_wh * 0.5
        output = self.attn(
            value.view(b, s, heads, -1),
            spatial_shapes,
            spatial_shapes_list,
            level_start_index,
            locations.view(b, q, heads, levels, points, 2),
            weights,
            self.im2col_step,
        )
        return self.output_proj(output), weights


def _spread(per_level: Tensor, points: int) -> Tensor:
    """[..., levels, 2] -> [..., levels * points * 2], each level's pair once a point."""
    return per_level[..., None, :].expand(*per_level.shape[:-1], points, 2).flatten(-3)


def _is_all_true(mask: Tensor) -> bool:
    # Elsewhere than on a CPU the question would make the host wait for the device.
    return mask.device.type == "cpu" and not torch.compiler.is_compiling() and bool(mask.all())
