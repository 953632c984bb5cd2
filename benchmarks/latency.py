"""Teacher at full resolution against student on thumbnails, on one device: eager, compiled, CUDA graph.

    python benchmarks/latency.py --device cuda --output benchmarks/latency-2026-01-31.json
    python benchmarks/latency.py --device cpu --batches 1 --variants eager

Models are those of a preset with random weights (time does not depend on them), in eval mode with batch norms folded;
images are random, at the preset's size. Variants: `eager` in float32, `bf16` (autocast), `compiled` (bf16,
torch.compile) and `graph` (bf16, the eager kernels recorded once and replayed). Median of timed calls; on a GPU the
device is waited for after each. A variant that a model does not allow is listed with the reason.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import describe_machine, write_json
from torch import nn
from torch.overrides import TorchFunctionMode

from lowres.config.params import Params, load_params
from lowres.evaluation.cost import multiply_adds
from lowres.models.build import build_detector
from lowres.models.detr import DetrDetector
from lowres.models.downsamplers import IdentityDownsampler, build_downsampler
from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.input_channels import channels_of
from lowres.models.optimise import chunk_feed_forward, rewrite_sampling_locations
from lowres.models.thumbnail import ThumbnailDetector

ROOT = Path(__file__).parents[1]


class DeviceConstants(TorchFunctionMode):
    """Makes what a model builds from Python numbers once: a graph cannot record copies from the host."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, torch.Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        on_device = torch.device(kwargs.get("device") or "cpu").type == "cuda"
        if func in (torch.tensor, torch.as_tensor) and on_device and not isinstance(args[0], torch.Tensor):
            key = f"{args} {kwargs}"
            if key not in self.kept:
                self.kept[key] = func(*args, **kwargs)
            return self.kept[key]
        return func(*args, **kwargs)


def build_models(params: Params, device: str) -> dict[str, ThumbnailDetector]:
    """Teacher and student, ready for inference."""
    torch.manual_seed(0)
    names = [f"class {number}" for number in range(80)]
    settings, down = params.teacher.model, params.downsampler
    student = params.distill.model or settings
    identity = IdentityDownsampler()
    module = build_downsampler(kind=down.kind, ratio=down.ratio, **down.options.model_dump())
    models = {
        "teacher": ThumbnailDetector(identity, _detector(settings, names, 0, identity)),
        "student": ThumbnailDetector(module, _detector(student, names, params.distill.stride_shift, module)),
    }
    for model in models.values():
        model.eval().requires_grad_(requires_grad=False)
        fold_batch_norm(model)
        rewrite_sampling_locations(model)
        if device == "cpu":
            chunk_feed_forward(model)
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return models


def _detector(settings: Any, names: list[str], stride_shift: int, module: nn.Module) -> DetrDetector:
    values = settings.model_dump() | {"backbone_weights": None}
    return build_detector(**values, class_names=names, stride_shift=stride_shift, input_channels=channels_of(module))


def images(params: Params, batch: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images of the preset's size, landscape, padded to its canvas."""
    sizing = params.data.input
    multiple = sizing.canvas_multiple_px
    height, width = sizing.short_side_px, sizing.long_side_px
    canvas = [-(-side // multiple) * multiple for side in (height, width)]
    pixels = torch.rand(batch, 3, *canvas, device=device).to(memory_format=torch.channels_last)
    mask = torch.zeros(batch, *canvas, dtype=torch.bool, device=device)
    mask[:, :height, :width] = True
    return pixels * mask[:, None], mask


def variant(name: str, model: ThumbnailDetector, inputs: tuple[torch.Tensor, torch.Tensor]) -> Callable[[], Any]:
    """A call that runs the model once, warmed up."""
    device = inputs[0].device.type
    # Without its cache of cast weights, which a graph would keep from one recording to the next.
    half = torch.autocast(device, torch.bfloat16, enabled=name != "eager", cache_enabled=name != "graph")
    run = torch.compile(model, dynamic=False) if name == "compiled" else model

    def call() -> Any:
        with torch.inference_mode(), half:
            out = run(*inputs)
        return out.logits, out.boxes_xyxy_px

    if name != "graph":
        for _ in range(3):
            call()
        return call
    constants = DeviceConstants()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), constants:
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with constants, torch.cuda.graph(graph):
        outputs = call()

    def replay() -> Any:
        graph.replay()
        return outputs

    return replay


def measure(call: Callable[[], Any], device: str, seconds: float) -> dict[str, float]:
    """Milliseconds of a call over about `seconds`, at least ten calls."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 10 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return {"median_ms": statistics.median(times), "min_ms": min(times), "max_ms": max(times), "calls": len(times)}


def main() -> None:
    """Measure every combination asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="thumbdet-coco-4x")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 16])
    parser.add_argument("--variants", nargs="*", default=["eager", "bf16", "compiled", "graph"])
    parser.add_argument("--models", nargs="*", default=["teacher", "student"])
    parser.add_argument("--seconds", type=float, default=2.0, help="of timed calls for each")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    params = load_params(ROOT / "presets" / f"{options.preset}.yaml")
    models = build_models(params, options.device)
    one = images(params, 1, "cpu")
    results: dict[str, Any] = {}
    for model_name in options.models:
        model = models[model_name]
        results[model_name] = {"multiply_adds": multiply_adds(model, one), "thumbnail_ratio": model.ratio}
        print(f"{model_name}: {results[model_name]['multiply_adds'] / 1e9:.1f} G multiply-adds an image")
        model.to(options.device)
        for batch in options.batches:
            inputs = images(params, batch, options.device)
            expected = None
            for name in options.variants:
                if options.device == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                key = f"{name}, batch {batch}"
                began = time.perf_counter()
                try:
                    call = variant(name, model, inputs)
                    logits = call()[0].float().clone()
                # So torch refuses a copy from the host in a graph, or a device that is not there; the rest is measured.
                except (RuntimeError, NotImplementedError) as error:
                    results[model_name][key] = {"not_possible": " ".join(str(error).split())[:200]}
                    print(f"  {key:22s}not possible: {results[model_name][key]['not_possible']}", flush=True)
                    continue
                ready = time.perf_counter() - began
                figures = measure(call, options.device, options.seconds) | {"seconds_to_first_result": ready}
                expected = logits if expected is None else expected
                figures["largest_logit_difference"] = (logits - expected).abs().max().item()
                if options.device == "cuda":
                    figures["peak_memory_mb"] = torch.cuda.max_memory_allocated() / 1e6
                results[model_name][key] = figures
                print(
                    f"  {key:22s}{figures['median_ms']:9.2f} ms  {1000 * batch / figures['median_ms']:8.1f} img/s  "
                    f"ready in {ready:.0f} s  differs by {figures['largest_logit_difference']:.3f}",
                    flush=True,
                )
                del call
                torch.compiler.reset()
        model.cpu()
    if {"teacher", "student"} <= results.keys():
        for key, figures in results["student"].items():
            other = results["teacher"].get(key)
            if (
                isinstance(figures, dict)
                and isinstance(other, dict)
                and "median_ms" in figures
                and "median_ms" in other
            ):
                print(f"student faster than teacher, {key}: {other['median_ms'] / figures['median_ms']:.2f}x")
    if options.output:
        write_json(options.output, {"machine": describe_machine(options.threads), "preset": options.preset, **results})


if __name__ == "__main__":
    main()
