"""Tiny thumbnail detectors with weights spread enough for their scores to differ, and hand-made lowres files of both tasks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.export.mean_colour import write_mean_colour_file
from tests.models.tiny import FAMILIES

from lowres.models.build import build_detector
from lowres.models.downsamplers import build_downsampler
from lowres.models.thumbnail import ThumbnailDetector

METADATA = {
    "class_names": '["stop", "yield", "speed 30"]',
    "category_ids": "[1, 2, 7]",
    "input": '{"kind": "as they are"}',
    "data_id": "3f6c74753b2315aa",
    "config_hash": "0123abcd",
    "commit": "fedcba98",
}

# One detection per image, its box as large as the image: enough of a detector for what does not need a real one.
_WHOLE_IMAGE = """
<ir_version: 8, opset_import: ["" : 18]>
whole_image (uint8[batch, height, width, 3] pixels)
    => (float[batch, 1, 4] boxes, float[batch, 1] scores, int64[batch, 1] labels) {
    shape = Shape(pixels)
    zero = Constant<value_ints = [0]>()
    one = Constant<value_ints = [1]>()
    two = Constant<value_ints = [2]>()
    three = Constant<value_ints = [3]>()
    batch = Slice(shape, zero, one)
    height = Slice(shape, one, two)
    width = Slice(shape, two, three)
    corners = Concat<axis = 0>(zero, zero, width, height)
    box = Cast<to = 1>(corners)
    boxes_shape = Concat<axis = 0>(batch, one, one)
    boxes = Expand(box, boxes_shape)
    scores_shape = Concat<axis = 0>(batch, one)
    half = Constant<value_float = 0.5>()
    scores = Expand(half, scores_shape)
    labels = Expand(two, scores_shape)
}
"""


@pytest.fixture(scope="session")
def metadata() -> dict[str, str]:
    return dict(METADATA)


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., ThumbnailDetector]:
    def build(family: str, *, downsampler: dict, stride_shift: int = 0, **config) -> ThumbnailDetector:
        torch.manual_seed(0)
        values = {**FAMILIES[family], "config": {**FAMILIES[family]["config"], **config}}
        names = json.loads(METADATA["class_names"])
        detector = build_detector(**values, class_names=names, stride_shift=stride_shift)
        model = ThumbnailDetector(build_downsampler(**downsampler), detector)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                # Fresh weights give all queries nearly the same score; their order would be a matter of rounding.
                # The backbone is spared: with such weights it would magnify rounding itself.
                if "backbone" not in name:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return model.eval()

    return build


@pytest.fixture(scope="session")
def noise() -> Callable[..., list[np.ndarray]]:
    """noise((h, w), ...): one image of each size."""

    def make(*sizes_hw: tuple[int, int]) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes_hw]

    return make


@pytest.fixture
def whole_image_file(tmp_path: Path) -> Callable[..., Path]:
    """A file that finds one whole-image object of class 2 with score 0.5 in any image."""

    def write(**metadata: str) -> Path:
        model = onnx.parser.parse_model(_WHOLE_IMAGE)
        known = {**METADATA, "lowres_format": "1", "max_detections": "1", "canvas_multiple_px": "32", **metadata}
        onnx.helper.set_model_props(model, known)
        onnx.save(model, str(tmp_path / "model.onnx"))
        return tmp_path / "model.onnx"

    return write


@pytest.fixture
def mean_colour_file(tmp_path: Path) -> Callable[..., Path]:
    """A file that classifies 4 x 4 px images by their mean colour."""

    def write(**metadata: str) -> Path:
        return write_mean_colour_file(tmp_path / "classifier.onnx", **{**METADATA, **metadata})

    return write
