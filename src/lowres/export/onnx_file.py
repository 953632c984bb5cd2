"""What the writing of ONNX files has in common for every task: tracing, provenance, and how a file gets its name."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from lowres.export.digest import BLANK, KEY, write_digest
from lowres.export.session import FORMAT

REQUIRED_METADATA = ("class_names", "category_ids", "input", "data_id", "config_hash", "commit")


def check_metadata(metadata: Mapping[str, str], num_classes: int) -> None:
    """ValueError for metadata that say not where a file comes from, or name other classes than the model has."""
    missing = [name for name in REQUIRED_METADATA if not metadata.get(name)]
    if missing:
        raise ValueError(f"export: metadata lacks {', '.join(missing)}; a file must say where it comes from")
    names = json.loads(metadata["class_names"])
    if not isinstance(names, list) or len(names) != num_classes:
        raise ValueError(f"export: class_names must be a JSON list of the model's {num_classes} names, got {names!r}")


def trace(
    module: nn.Module,
    example: tuple[Tensor, ...],
    *,
    dynamic_shapes: tuple[Any, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
) -> onnx.ModelProto:
    """The graph of a module in eval mode; `dynamic_shapes` as `torch.export.export` takes them.

    Raises ValueError for an operator set to which the exporter cannot bring the graph.
    """
    with torch.no_grad(), _quiet("torch.onnx._internal.exporter._registration"):
        program = torch.export.export(module, example, dynamic_shapes=dynamic_shapes, strict=False)
        # Without the exporter's own rewriting: its fusion of clips writes an invalid graph for Deformable-DETR
        # (github.com/microsoft/onnxscript/issues/2836 is about the same rule); ONNX Runtime optimises on loading.
        exported = torch.onnx.export(
            program,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=opset,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert exported is not None
    proto = exported.model_proto
    written = next(part.version for part in proto.opset_import if not part.domain)
    if written != opset:
        raise ValueError(f"export.opset: this model cannot be written in operator set {opset}; use {written} or later")
    return proto


def save(proto: onnx.ModelProto, path: Path, metadata: Mapping[str, str]) -> None:
    """Check a graph and write it with its metadata, and with nothing of the machine that made it."""
    _tidy(proto.graph)
    onnx.helper.set_model_props(proto, {**metadata, "lowres_format": str(FORMAT)})
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))


def add_metadata(path: Path, values: Mapping[str, str]) -> None:
    """Add to the metadata of a file that is written, and to these the file's digest, which they then have whole."""
    proto = onnx.load(str(path))
    known = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**known, **values, KEY: BLANK})
    onnx.save(proto, str(path))
    write_digest(path)


@contextmanager
def named_at_the_end(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what lies there takes the name when the block ends without an error.

    Whatever goes wrong, a file that was under `path` before stays as it was, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _tidy(graph: onnx.GraphProto) -> None:
    # The tracer's names of sizes (s77) mean nothing to a reader, and intermediate ones would contradict the new names.
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    # Stack traces with the paths of the machine that exported; they would also make equal models unequal files.
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.metadata_props[:]


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    # The exporter warns of each operator of torchvision when that is not installed; none is used here.
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
