"""What a model costs on this machine, from the bytes of an image to what it finds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from lowres.evaluation.cost import count_parameters, multiply_adds
from lowres.evaluation.latency import end_to_end_cost
from lowres.evaluation.memory import peak_memory_bytes
from lowres.models.assemble import ThumbnailModel
from lowres.stages.measuring.kit import MeasuringKit


def size_of(kit: MeasuringKit, model: ThumbnailModel, *, encoded: bytes, sizing: dict[str, Any]) -> dict[str, Any]:
    """Parameters, multiply-adds and sides for one image."""
    tensors = kit.tensors(kit.size(kit.decode(encoded), sizing))
    height, width = tensors[0].shape[2:]
    return {
        "parameters": count_parameters(model),
        "multiply_adds": multiply_adds(model, tensors),
        "input_wh_px": [width, height],
        "thumbnail_wh_px": [width // model.ratio, height // model.ratio],
    }


def latency_of(
    kit: MeasuringKit, model: ThumbnailModel, *, encoded: Sequence[bytes], sizing: dict[str, Any], repeats: int
) -> dict[str, Any]:
    """Latency of each step at batch 1, made fast as for predicting, and with how many threads."""
    model = model.for_inference()
    latency = end_to_end_cost(
        encoded,
        decode=kit.decode,
        resize=lambda pixels: kit.size(pixels, sizing),
        model=lambda inputs: kit.run(model, inputs),
        postprocess=lambda found, _: found,
        warmup=3,
        repeats=repeats,
    )
    machine = latency.pop("machine")
    return {"latency": latency, "threads": machine["threads"]}


def memory_of(
    kit: MeasuringKit, load: Callable[[], ThumbnailModel], *, encoded: bytes, sizing: dict[str, Any]
) -> dict[str, int]:
    """Peak memory of a process of its own that loads the model by `load` and runs it on one image."""
    memory = peak_memory_bytes(load, partial(_run_once, kit, encoded, sizing), repeats=2)
    return {"peak_memory_bytes": memory.peak_bytes, "loaded_memory_bytes": memory.loaded_bytes}


def _run_once(kit: MeasuringKit, encoded: bytes, sizing: dict[str, Any], model: ThumbnailModel) -> None:
    with torch.inference_mode():
        kit.run(model, kit.size(kit.decode(encoded), sizing))
