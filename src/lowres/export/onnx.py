"""One ONNX file from raw pixels to boxes: uint8 RGB in, boxes in input pixels, scores and labels out.

Two graphs are joined. The first, written here in ONNX's text form, pads the image to whole blocks of
`canvas_multiple_px` and cuts it into them. The second is the traced model, whose first step puts the blocks together:
so every size in the trace is a block count times a constant, and halving and doubling sizes, as pyramids do, needs
no proof that a size is even. It keeps the tracer's arithmetic on sizes short, too.
"""

import copy
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float, Int
from onnx import compose
from torch import Tensor, nn

from lowres.export.onnx_file import add_metadata, check_metadata, named_at_the_end, save, trace
from lowres.export.parity import ParityLimits, ParityReport, compare
from lowres.export.runtime import OnnxDetector
from lowres.export.symbolic_sizes import symbolic_sizes
from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.thumbnail import ThumbnailDetector
from lowres.ops.detections import top_detections
from lowres.records import ImageDetections

log = logging.getLogger(__name__)

_PREPARE = """
<ir_version: {ir_version}, opset_import: ["" : {opset}]>
prepare (uint8[batch, height, width, 3] pixels)
    => (float[batch, 3, rows, {m}, columns, {m}] blocks, int64[2] content_hw) {{
    shape = Shape(pixels)
    one = Constant<value_ints = [1]>()
    two = Constant<value_ints = [2]>()
    three = Constant<value_ints = [3]>()
    content_hw = Slice(shape, one, three)
    multiple = Constant<value_ints = [{m}]>()
    negative = Neg(content_hw)
    missing = Mod(negative, multiple)
    canvas = Add(content_hw, missing)
    counts = Div(canvas, multiple)
    none = Constant<value_ints = [0]>()
    before = Constant<value_ints = [0, 0, 0, 0, 0]>()
    pads = Concat<axis = 0>(before, missing, none)
    padded = Pad(pixels, pads)
    planes = Transpose<perm = [0, 3, 1, 2]>(padded)
    bytes = Cast<to = 1>(planes)
    white = Constant<value_float = 255.0>()
    fractions = Div(bytes, white)
    rows = Slice(counts, none, one)
    columns = Slice(counts, one, two)
    kept = Constant<value_ints = [0, 0]>()
    blocks_shape = Concat<axis = 0>(kept, rows, multiple, columns, multiple)
    blocks = Reshape(fractions, blocks_shape)
}}
"""


class _OnBlocks(nn.Module):
    """Blocks of pixels in, the best detections out, boxes clipped to the content."""

    def __init__(self, model: ThumbnailDetector, max_detections: int) -> None:
        super().__init__()
        self.model, self.max_detections = model, max_detections

    def forward(
        self, blocks: Float[Tensor, "b 3 rows m columns m"], content_hw: Int[Tensor, " 2"]
    ) -> tuple[Float[Tensor, "b k 4"], Float[Tensor, "b k"], Int[Tensor, "b k"]]:
        batch, _, rows, side, columns, _ = blocks.shape
        height, width = rows * side, columns * side
        pixels = blocks.reshape(batch, 3, height, width)
        below = torch.arange(height, device=pixels.device) < content_hw[0]
        left = torch.arange(width, device=pixels.device) < content_hw[1]
        mask = (below[:, None] & left[None]).expand(batch, height, width)
        out = self.model(pixels, mask)
        scores, labels, boxes = top_detections(
            self.model.scores(out.logits), out.boxes_xyxy_px, count=self.max_detections
        )
        limit = content_hw.flip(0).repeat(2).to(boxes.dtype)
        return torch.minimum(boxes.clamp(min=0), limit), scores, labels


def export_onnx(
    model: ThumbnailDetector,
    path: Path,
    *,
    max_detections: int,
    canvas_multiple_px: int,
    metadata: Mapping[str, str],
    opset: int,
    example_hw: tuple[int, int],
) -> None:
    """Write the graph, not yet compared with anything: see `export_verified`.

    Input `pixels` uint8 [batch, height, width, 3], RGB, any batch, height and width; it is padded with zeros on the
    right and below to multiples of `canvas_multiple_px`. Outputs, best first: `boxes` float32 [batch, k, 4], xyxy in
    input pixels, clipped to the image; `scores` float32 [batch, k] in [0, 1]; `labels` int64 [batch, k]. k is
    `max_detections`, or the number of (query, class) pairs if that is smaller. `example_hw` is the image size that the
    model is traced with; it does not limit the file.

    Raises ValueError for missing metadata, class names that do not fit the model, or a multiple that the ratio does
    not divide.
    """
    check_metadata(metadata, model.num_classes)
    if canvas_multiple_px % model.ratio:
        raise ValueError(f"export: canvas multiple {canvas_multiple_px} px is no multiple of the ratio {model.ratio}")
    core = _trace(model, max_detections, canvas_multiple_px, opset, example_hw)
    text = _PREPARE.format(ir_version=core.ir_version, opset=opset, m=canvas_multiple_px)
    prepare = compose.add_prefix(onnx.parser.parse_model(text), "prepare/", rename_inputs=False, rename_outputs=False)
    joined = compose.merge_models(
        prepare,
        core,
        io_map=[("blocks", "blocks"), ("content_hw", "content_hw")],
        name="lowres",
        producer_name="lowres",
    )
    save(
        joined,
        path,
        {
            **metadata,
            "task": "detection",
            "max_detections": str(max_detections),
            "canvas_multiple_px": str(canvas_multiple_px),
            "ratio": str(model.ratio),
            "opset": str(opset),
        },
    )


def export_verified(
    model: ThumbnailDetector,
    path: Path,
    *,
    max_detections: int,
    canvas_multiple_px: int,
    metadata: Mapping[str, str],
    opset: int,
    example_hw: tuple[int, int],
    samples: Iterable[tuple[int, np.ndarray]],
    limits: ParityLimits,
    threads: int,
    ap: Callable[[list[ImageDetections]], float | None] | None = None,
) -> ParityReport:
    """Export, run the file in ONNX Runtime beside the PyTorch model, and only then give it its name.

    `samples` are (image id, uint8 [h, w, 3]) pairs, read once; `ap` scores a list of detections in pixels of these
    images. The report's figures are added to the file's metadata as `parity`. A difference beyond `limits` raises
    ValueError with the figures; whatever goes wrong, a file that was under `path` before stays as it was, and nothing
    is left beside it.
    """
    with named_at_the_end(path) as temporary:
        export_onnx(
            model,
            temporary,
            max_detections=max_detections,
            canvas_multiple_px=canvas_multiple_px,
            metadata=metadata,
            opset=opset,
            example_hw=example_hw,
        )
        report = compare(model, OnnxDetector(temporary, threads=threads), samples, limits=limits, ap=ap)
        add_metadata(temporary, {"parity": json.dumps(asdict(report)), "parity_limits": json.dumps(asdict(limits))})
    log.info("%s: parity over %d images: %s", path.name, report.images, report.summary())
    return report


def _trace(
    model: ThumbnailDetector, max_detections: int, multiple: int, opset: int, example_hw: tuple[int, int]
) -> onnx.ModelProto:
    # A batch or block count of one would be taken for a constant.
    rows, columns = (max(2, -(-side // multiple)) for side in example_hw)
    device = next(model.parameters()).device
    blocks = torch.rand(2, 3, rows, multiple, columns, multiple, device=device)
    content_hw = torch.tensor([rows * multiple - 1, columns * multiple], device=device)
    dynamic = torch.export.Dim.DYNAMIC
    plain = copy.deepcopy(model).eval()
    # The exporter gives a convolution without bias a computed one of zeros, which keeps ONNX Runtime from merging the
    # batch norm that follows (onnxscript 0.7): merged here, it has a bias of its own.
    fold_batch_norm(plain)
    with symbolic_sizes(plain.detector.hf):
        return trace(
            _OnBlocks(plain, max_detections).eval(),
            (blocks, content_hw),
            dynamic_shapes=({0: dynamic, 2: dynamic, 4: dynamic}, None),
            inputs=["blocks", "content_hw"],
            outputs=["boxes", "scores", "labels"],
            opset=opset,
        )
