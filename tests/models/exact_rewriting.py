"""Models and inputs that show whether a rewriting changes what a model computes."""

import torch
from tests.models.library_models import CONFIGS
from torch import nn
from transformers import AutoModelForObjectDetection

FAMILIES = ["deformable_detr", "deformable_detr_two_stage", "rt_detr_v2", "d_fine"]


def build(name: str) -> nn.Module:
    """A tiny model whose batch norms have seen data, and whose sampling points lie off the pixel centres.

    In float64, because two-stage models pick their queries by rank and a difference in the last bit may swap two.
    """
    torch.manual_seed(0)
    model = AutoModelForObjectDetection.from_config(CONFIGS[name]()).eval()
    for module_name, module in model.named_modules():
        if "BatchNorm2d" in type(module).__name__:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if module_name.endswith("sampling_offsets"):
            nn.init.normal_(module.weight, std=0.3)
            nn.init.normal_(module.bias, std=1.0)
    return model.double()


def inputs(padded: bool = False) -> dict[str, torch.Tensor]:
    pixels = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.ones(2, 64, 96, dtype=torch.long)
    if padded:
        mask[1, 48:] = 0
        mask[1, :, 64:] = 0
    return {"pixel_values": pixels * mask[:, None], "pixel_mask": mask}


def assert_same(ours, stock) -> None:
    torch.testing.assert_close(ours.logits, stock.logits, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(ours.pred_boxes, stock.pred_boxes, rtol=1e-7, atol=1e-7)
