"""What `benchmark` measures of a model folder and of an ONNX file."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lowres.evaluation.latency import end_to_end_cost
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_model
from lowres.models.assemble import ThumbnailModel
from lowres.stages.cost import latency_of, memory_of, size_of
from lowres.stages.measuring.choose import measuring_kit_of


def folder_cost(folder: Path, encoded: list[bytes], *, repeats: int) -> dict[str, Any]:
    """Parameters, multiply-adds, latency and memory of a model folder."""
    stored, spec = load_model(folder)
    kit = measuring_kit_of(spec.task)
    load_again = functools.partial(_load_as_used, folder)
    return {
        **size_of(kit, stored, encoded=encoded[0], sizing=spec.input),
        "ratio": stored.ratio,
        **latency_of(kit, stored, encoded=encoded, sizing=spec.input, repeats=repeats),
        **memory_of(kit, load_again, encoded=encoded[0], sizing=spec.input),
        "machine": machine_facts(),
    }


def file_cost(
    encoded: list[bytes],
    *,
    decode: Callable[[bytes], np.ndarray],
    size: Callable[[np.ndarray], np.ndarray],
    run: Callable[[np.ndarray], Any],
    finish: Callable[[Any], Any],
    repeats: int,
) -> dict[str, Any]:
    """Latency alone: a file of operators knows neither its parameters nor its multiply-adds."""
    latency = end_to_end_cost(
        encoded,
        decode=decode,
        resize=size,
        model=run,
        postprocess=lambda found, _: finish(found),
        warmup=5,
        repeats=repeats,
    )
    machine = latency.pop("machine")
    return {"latency": latency, "threads": machine["threads"], "machine": machine}


def _load_as_used(folder: Path) -> ThumbnailModel:
    return load_model(folder)[0].for_inference()
