"""Tiny models of every family as the library builds them, and one training pass of each."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import (
    AutoModelForObjectDetection,
    DeformableDetrConfig,
    Deimv2Config,
    DFineConfig,
    HGNetV2Config,
    LwDetrConfig,
    LwDetrViTConfig,
    ResNetConfig,
    RfDetrConfig,
    RfDetrDinov2Config,
    RTDetrConfig,
    RTDetrResNetConfig,
    RTDetrV2Config,
)

SIZES = [(64, 64), (64, 96)]


def deformable_detr(**options):
    backbone = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 20],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    return DeformableDetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        d_model=32,  # group normalisation has 32 groups
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        num_queries=7,
        two_stage_num_proposals=7,
        dropout=0.0,
        auxiliary_loss=True,
        num_labels=5,
        **options,
    )


COMMON = {
    "d_model": 16,
    "encoder_hidden_dim": 16,
    "encoder_in_channels": [12, 16, 20],
    "decoder_in_channels": [16, 16, 16],
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "decoder_layers": 2,
    "num_queries": 7,
    "num_denoising": 6,
    "num_labels": 5,
    "hidden_expansion": 0.5,
    "freeze_backbone_batch_norms": False,
}


def rt_detr_backbone():
    return RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1], layer_type="basic", out_indices=[2, 3, 4]
    )


def hgnet_backbone():
    return HGNetV2Config(
        stem_channels=[3, 4, 8],
        stage_in_channels=[8, 8, 12, 16],
        stage_mid_channels=[4, 4, 8, 8],
        stage_out_channels=[8, 12, 16, 20],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[8, 12, 16, 20],
        depths=[1, 1, 1, 1],
        out_indices=[2, 3, 4],
    )


CONFIGS = {
    "deformable_detr": deformable_detr,
    "deformable_detr_refine": lambda: deformable_detr(with_box_refine=True),
    "deformable_detr_two_stage": lambda: deformable_detr(with_box_refine=True, two_stage=True),
    "rt_detr": lambda: RTDetrConfig(backbone_config=rt_detr_backbone(), **COMMON),
    "rt_detr_v2": lambda: RTDetrV2Config(backbone_config=rt_detr_backbone(), **COMMON),
    "d_fine": lambda: DFineConfig(
        backbone_config=hgnet_backbone(), decoder_n_points=[3, 6, 2], eval_idx=-1, depth_mult=0.34, **COMMON
    ),
    "deimv2": lambda: Deimv2Config(backbone_config=hgnet_backbone(), depth_mult=0.34, **COMMON),
    "lw_detr": lambda: LwDetrConfig(
        backbone_config=LwDetrViTConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=64, num_windows=4, out_indices=[1, 2]
        ),
        projector_scale_factors=[2.0, 0.5],
        d_model=16,
        decoder_layers=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        decoder_ffn_dim=24,
        num_queries=7,
        group_detr=2,
        num_labels=5,
    ),
    "rf_detr": lambda: RfDetrConfig(
        backbone_config=RfDetrDinov2Config(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
            num_windows=2,
            out_indices=[1, 2],
        ),
        d_model=16,
        decoder_layers=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        decoder_ffn_dim=24,
        num_queries=7,
        group_detr=2,
        num_labels=5,
        intermediate_size=24,
        dropout=0.0,
    ),
}
# What a family's backbone takes, where it is not both sizes.
SIZE = {"lw_detr": (64, 64), "rf_detr": (56, 56)}


# Rounding of float32 moves these gradients by up to 1e-5, by how much depends on the processor; these two families cannot
# train in float64.
FLOAT32_ONLY = {"d_fine", "deimv2"}


@contextmanager
def exact_numbers(name: str) -> Iterator[float]:
    """Within it models are made and run in float64 where the family can; gives the tolerance of a comparison."""
    if name in FLOAT32_ONLY:
        yield 1e-4
        return
    torch.set_default_dtype(torch.float64)
    try:
        yield 1e-10
    finally:
        torch.set_default_dtype(torch.float32)


def build(name: str) -> nn.Module:
    """A tiny model with random weights, its sampling points moved off the pixel centres they start on.

    On a pixel's centre the derivative of bilinear sampling has two sides, and which one is taken depends on the last bit.
    """
    torch.manual_seed(0)
    model = AutoModelForObjectDetection.from_config(CONFIGS[name]())
    for module_name, module in model.named_modules():
        if module_name.endswith("sampling_offsets"):
            nn.init.normal_(module.weight, std=0.3)
            nn.init.normal_(module.bias, std=1.0)
        if module_name.endswith("attention_weights"):
            nn.init.normal_(module.weight, std=0.3)
    return model


def run(model: nn.Module, size: tuple[int, int]):
    height, width = size
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(2, 3, height, width, generator=generator)
    labels = [
        {"class_labels": torch.tensor([1, 4]), "boxes": torch.tensor([[0.3, 0.4, 0.2, 0.3], [0.7, 0.6, 0.3, 0.2]])},
        {"class_labels": torch.tensor([2]), "boxes": torch.tensor([[0.5, 0.5, 0.6, 0.4]])},
    ]
    torch.manual_seed(2)  # denoising draws noise
    return model(pixel_values=pixels, labels=labels)


def parameter_gradients(model: nn.Module, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    run(model, size).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_gradients_close(ours: dict[str, torch.Tensor], stock: dict[str, torch.Tensor], tolerance: float) -> None:
    assert ours.keys() == stock.keys()
    for key, gradient in ours.items():
        scale = max(1.0, stock[key].abs().max().item())
        torch.testing.assert_close(gradient, stock[key], rtol=tolerance, atol=0.1 * tolerance * scale, msg=key)


CASES = [(name, size) for name in CONFIGS for size in ([SIZE[name]] if name in SIZE else SIZES)]
