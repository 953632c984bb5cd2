"""The whole teacher: Deformable-DETR R50 at 800 x 1333, stock transformers against the same weights made faster.

    python benchmarks/teacher_vs_stock.py --threads 2 --output benchmarks/teacher_vs_stock-2026-01-31.json

Random weights (time does not depend on them), batch 1. Each row adds one thing to the row before; rows run in turn.
The training step is forward with seven targets, loss and backward, without the optimiser. Both sides train backbone
stages 2 to 4 as the paper does (transformers freezes all of its own ResNet there, by a slip in a name).
"""

import argparse
import copy
from pathlib import Path

import torch
from timing import alternate, describe_machine, print_table, write_json
from torch import nn
from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection, ResNetConfig

from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.fused_attention import install_fused_attention
from lowres.models.optimise import chunk_feed_forward, rewrite_sampling_locations


def make_teacher() -> nn.Module:
    torch.manual_seed(0)
    backbone = ResNetConfig(out_features=["stage2", "stage3", "stage4"])  # the defaults are ResNet-50
    config = DeformableDetrConfig(backbone_config=backbone, use_timm_backbone=False, num_labels=91, dropout=0.0)
    model = DeformableDetrForObjectDetection(config)
    for name, parameter in model.model.backbone.named_parameters():
        parameter.requires_grad_(any(f"stages.{stage}." in name for stage in (1, 2, 3)))
    # Sampling points spread as in a trained model, instead of all on pixel centres.
    for name, module in model.named_modules():
        if name.endswith("sampling_offsets"):
            nn.init.normal_(module.weight, std=0.05)
    return model


def inference_variants(stock: nn.Module) -> dict[str, nn.Module]:
    fused = copy.deepcopy(stock)
    install_fused_attention(fused)
    locations = copy.deepcopy(fused)
    rewrite_sampling_locations(locations)
    chunked = copy.deepcopy(locations)
    chunk_feed_forward(chunked)
    folded = copy.deepcopy(chunked)
    fold_batch_norm(folded)
    last = copy.deepcopy(folded).to(memory_format=torch.channels_last)
    return {
        "stock": stock,
        "+ fused attention": fused,
        "+ locations by rows": locations,
        "+ feed-forward in chunks": chunked,
        "+ batch norms folded": folded,
        "+ channels last": last,
    }


def training_variants(stock: nn.Module) -> dict[str, nn.Module]:
    fused = copy.deepcopy(stock)
    install_fused_attention(fused)
    locations = copy.deepcopy(fused)
    rewrite_sampling_locations(locations)
    last = copy.deepcopy(locations).to(memory_format=torch.channels_last)
    return {
        "stock": stock,
        "+ fused attention": fused,
        "+ locations by rows": locations,
        "+ channels last": last,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--training-rounds", type=int, default=3)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1333)
    parser.add_argument("--only", nargs="*", help="rows to run; default all")
    parser.add_argument("--compile", action="store_true", help="a further row with torch.compile (minutes to compile)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = describe_machine(options.threads)

    pixels = torch.randn(1, 3, options.height, options.width, device=options.device)
    mask = torch.ones(1, options.height, options.width, dtype=torch.long, device=options.device)
    centres = torch.linspace(0.1, 0.9, 7, device=options.device)
    boxes = torch.stack([centres, centres.flip(0), centres * 0.3, centres * 0.2], dim=-1)
    labels = [{"class_labels": torch.arange(7, device=options.device), "boxes": boxes}]
    teacher = make_teacher().to(options.device)
    results = {}

    def pick(models: dict[str, nn.Module]) -> dict[str, nn.Module]:
        return {name: model for name, model in models.items() if not options.only or name in options.only}

    if options.rounds:
        models = pick(inference_variants(teacher.eval()))
        if options.compile:
            models["last, compiled"] = torch.compile(copy.deepcopy(list(models.values())[-1]))

        def forward(model: nn.Module):
            with torch.inference_mode():
                return model(pixel_values=pixels, pixel_mask=mask)

        expected = forward(teacher)
        results["max_difference"] = {
            name: (forward(model).logits - expected.logits).abs().max().item() for name, model in models.items()
        }
        results["forward"] = alternate(
            {name: lambda model=model: forward(model) for name, model in models.items()}, options.rounds, options.device
        )
        print_table(f"forward {options.height} x {options.width}", results["forward"])
        print("largest difference of logits from stock:", max(results["max_difference"].values()))
        del models

    if options.training_rounds:
        models = pick(training_variants(teacher.train()))

        def step(model: nn.Module) -> None:
            model.zero_grad(set_to_none=True)
            model(pixel_values=pixels, pixel_mask=mask, labels=labels).loss.backward()

        results["training_step"] = alternate(
            {name: lambda model=model: step(model) for name, model in models.items()},
            options.training_rounds,
            options.device,
        )
        print_table("training step", results["training_step"])

    if options.output:
        size = {"height": options.height, "width": options.width}
        write_json(options.output, {"machine": machine, **size, **results})


if __name__ == "__main__":
    main()
