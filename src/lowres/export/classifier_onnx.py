"""One ONNX file from raw pixels to class probabilities: uint8 RGB squares in; down-sampler and enlargement inside.

Of a `ThumbnailReader` the squares are thumbnails, and the enlargement alone is inside.
"""

import copy
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from lowres.export.classifier_parity import ClassifierLimits, ClassifierParity, compare_classifiers
from lowres.export.classifier_runtime import OnnxClassifier
from lowres.export.onnx_file import add_metadata, check_metadata, named_at_the_end, save, trace
from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.thumbnail_classifier import ThumbnailClassifier, ThumbnailReader

log = logging.getLogger(__name__)


class _OnBytes(nn.Module):
    def __init__(self, model: ThumbnailClassifier | ThumbnailReader) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b c"]:
        fractions = pixels.permute(0, 3, 1, 2).float() / 255
        return self.model(fractions).logits.softmax(dim=1)


def export_classifier(
    model: ThumbnailClassifier | ThumbnailReader,
    path: Path,
    *,
    side_px: int,
    metadata: Mapping[str, str],
    opset: int,
) -> None:
    """Write the graph, not yet compared with anything: see `export_verified_classifier`.

    Input `pixels` uint8 [batch, side, side, 3], RGB, any batch; output `probabilities` float32 [batch, classes] in
    [0, 1], each row of sum 1. Raises ValueError for missing metadata, class names that do not fit the model, or a side
    that is no multiple of the ratio.
    """
    check_metadata(metadata, model.classifier.linear.out_features)
    if side_px % model.ratio:
        raise ValueError(f"export: input side {side_px} px is no multiple of the ratio {model.ratio}")
    plain = copy.deepcopy(model).eval()
    fold_batch_norm(plain)  # as for detectors: ONNX Runtime does not merge what the exporter writes
    example = torch.zeros(2, side_px, side_px, 3, dtype=torch.uint8, device=next(plain.parameters()).device)
    proto = trace(
        _OnBytes(plain).eval(),
        (example,),  # of two: a batch of one would be taken for a constant
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        inputs=["pixels"],
        outputs=["probabilities"],
        opset=opset,
    )
    proto.producer_name = "lowres"
    save(proto, path, {**metadata, "task": "classification", "ratio": str(model.ratio), "opset": str(opset)})


def export_verified_classifier(
    model: ThumbnailClassifier | ThumbnailReader,
    path: Path,
    *,
    side_px: int,
    metadata: Mapping[str, str],
    opset: int,
    samples: Iterable[tuple[int, np.ndarray]],
    limits: ClassifierLimits,
    threads: int,
) -> ClassifierParity:
    """Export, run the file in ONNX Runtime beside the PyTorch model, and only then give it its name.

    `samples` are (label, uint8 [side, side, 3]) pairs, read once. The report's figures are added to the file's metadata
    as `parity`. A difference beyond `limits` raises ValueError with the figures; whatever goes wrong, a file that was
    under `path` before stays as it was, and nothing is left beside it.
    """
    with named_at_the_end(path) as temporary:
        export_classifier(model, temporary, side_px=side_px, metadata=metadata, opset=opset)
        report = compare_classifiers(model, OnnxClassifier(temporary, threads=threads), samples, limits=limits)
        add_metadata(temporary, {"parity": json.dumps(asdict(report)), "parity_limits": json.dumps(asdict(limits))})
    log.info("%s: parity over %d images: %s", path.name, report.images, report.summary())
    return report
