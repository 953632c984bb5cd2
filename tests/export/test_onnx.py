import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from lowres.export.onnx import export_onnx, export_verified
from lowres.export.onnx_file import REQUIRED_METADATA
from lowres.export.parity import ParityLimits, detect_with_pytorch, difference
from lowres.export.runtime import OnnxDetector
from lowres.models.downsamplers import IdentityDownsampler
from lowres.models.thumbnail import ThumbnailDetector

# Box sides in pixels of images of about 200 px, scores in [0, 1]: float32 rounding through two decoder layers.
LIMITS = ParityLimits(min_score=0.0, box_px=0.05, score=1e-3, unmatched_fraction=0.0, ap=1e-3)
MULTIPLE_PX = 64
MAX_DETECTIONS = 15

# Every family, every kind of down-sampler and every stride shift; each costs some seconds.
CASES = {
    "rt_detr_v2": {
        "family": "rt_detr_v2",
        "downsampler": {"kind": "learned", "ratio": 4, "skip": "bicubic", "final_relu": False},
        "stride_shift": 1,
    },
    "deformable_detr_two_stage": {
        "family": "deformable_detr_two_stage",
        "downsampler": {"kind": "area", "ratio": 2},
        "encoder_layers": 1,
    },
    "d_fine": {"family": "d_fine", "downsampler": {"kind": "identity", "ratio": 1}, "stride_shift": 2},
}


@pytest.fixture(scope="module", params=CASES)
def exported(
    request, tmp_path_factory, tiny_model, metadata, noise
) -> tuple[ThumbnailDetector, OnnxDetector, list[np.ndarray]]:
    """Model, file and the images it was verified on."""
    model = tiny_model(**CASES[request.param])
    images = noise((130, 150), (130, 150), (130, 150))
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    export_verified(
        model,
        path,
        max_detections=MAX_DETECTIONS,
        canvas_multiple_px=MULTIPLE_PX,
        metadata=metadata,
        opset=18,
        example_hw=(130, 150),
        samples=enumerate(images),
        limits=LIMITS,
        threads=1,
        ap=lambda detections: float(np.mean([one.scores.max() for one in detections])),
    )
    return model, OnnxDetector(path, threads=1), images


def test_file_agrees_with_pytorch_at_sizes_and_batches_it_was_not_traced_with(exported, noise):
    model, detector, _ = exported
    for images in (
        noise((140, 140)),
        noise((97, 211), (97, 211), (97, 211)),
        noise((201, 90), (128, 192), (201, 90)),
    ):
        expected = detect_with_pytorch(model, images, range(len(images)), MAX_DETECTIONS, MULTIPLE_PX)
        found = detector.detect(images)
        measured = difference(expected, found, limits=LIMITS)
        assert measured.detections >= MAX_DETECTIONS * len(images)
        assert measured.unmatched == 0
        assert measured.max_box_px < LIMITS.box_px
        assert measured.max_score < LIMITS.score


def test_boxes_are_in_the_image_and_scores_are_sorted(exported, noise):
    detection = exported[1].detect(noise((97, 211)))[0]
    assert detection.boxes_xyxy_px.dtype == np.float32
    assert detection.labels.dtype == np.int64
    assert detection.boxes_xyxy_px.shape == (MAX_DETECTIONS, 4)
    assert (detection.boxes_xyxy_px >= 0).all()
    assert (detection.boxes_xyxy_px <= [211, 97, 211, 97]).all()
    assert (np.diff(detection.scores) <= 0).all()
    assert set(detection.labels) <= {0, 1, 2}


def test_interface_is_raw_pixels_with_named_dynamic_sizes(exported):
    session = onnxruntime.InferenceSession(exported[1].path)
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("pixels", "tensor(uint8)", ["batch", "height", "width", 3])
    ]
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [
        ("boxes", "tensor(float)", ["batch", MAX_DETECTIONS, 4]),
        ("scores", "tensor(float)", ["batch", MAX_DETECTIONS]),
        ("labels", "tensor(int64)", ["batch", MAX_DETECTIONS]),
    ]


def test_metadata_comes_back_with_the_parity_figures(exported, metadata):
    model, detector, images = exported
    assert {name: detector.metadata[name] for name in metadata} == metadata
    assert detector.class_names == ["stop", "yield", "speed 30"]
    assert (detector.max_detections, detector.canvas_multiple_px) == (MAX_DETECTIONS, MULTIPLE_PX)
    assert detector.metadata["ratio"] == str(model.ratio)
    assert detector.metadata["task"] == "detection"
    parity = json.loads(detector.metadata["parity"])
    assert parity["images"] == len(images)
    assert [130, 150] in parity["sizes_hw"]
    assert len(parity["sizes_hw"]) == 3  # and two mosaics
    assert parity["unmatched"] == 0
    assert parity["ap_pytorch"] == pytest.approx(parity["ap_onnx"], abs=1e-5)


def test_export_leaves_the_model_as_it_was(exported):
    model, _, _ = exported
    assert not model.training
    fused = [m for m in model.modules() if "Fused" in type(m).__name__ or "Fused" in type(_core(m)).__name__]
    assert fused, "fused attention is back in its place"
    assert torch.linspace.__module__ != "lowres.export.symbolic_sizes"
    assert torch.as_tensor.__module__ != "lowres.export.symbolic_sizes"


def _core(module: torch.nn.Module) -> object:
    return getattr(module, "ms_deformable_attn_core", None)


def test_no_other_file_lies_beside_the_exported_one(exported):
    assert list(exported[1].path.parent.iterdir()) == [exported[1].path]


def test_a_weight_that_changes_under_way_refuses_the_export_and_keeps_the_old_file(
    tmp_path: Path, tiny_model: Callable, metadata, noise
):
    bicubic = {"kind": "bicubic", "ratio": 2}
    model = tiny_model("deformable_detr", downsampler=bicubic, encoder_layers=1, num_feature_levels=3)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the old file")

    def samples() -> Iterator[tuple[int, np.ndarray]]:
        # Read only after the graph is written, so that the model compared is another than the one exported.
        with torch.no_grad():
            model.detector.hf.class_embed[-1].bias += 1.0
        yield 0, noise((130, 150))[0]

    with pytest.raises(ValueError, match=r"export refused.*scores.*limits"):
        export_verified(
            model,
            path,
            max_detections=MAX_DETECTIONS,
            canvas_multiple_px=MULTIPLE_PX,
            metadata=metadata,
            opset=18,
            example_hw=(130, 150),
            samples=samples(),
            limits=LIMITS,
            threads=1,
        )
    assert path.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", REQUIRED_METADATA)
def test_metadata_without_provenance_is_refused_before_any_work(tmp_path: Path, metadata, name: str):
    metadata = {key: value for key, value in metadata.items() if key != name}
    with pytest.raises(ValueError, match=f"metadata lacks {name}"):
        _export_untraced(tmp_path, metadata)
    assert not list(tmp_path.iterdir())


def test_class_names_that_do_not_fit_the_model_are_refused(tmp_path: Path, metadata):
    with pytest.raises(ValueError, match="model's 3 names"):
        _export_untraced(tmp_path, {**metadata, "class_names": '["stop"]'})


def test_canvas_multiple_that_the_ratio_does_not_divide_is_refused(tmp_path: Path, metadata):
    with pytest.raises(ValueError, match="30 px is no multiple of the ratio 4"):
        _export_untraced(tmp_path, metadata, ratio=4, multiple=30)


class _Untraceable(torch.nn.Module):
    num_classes = 3
    ratio = 1


def _export_untraced(folder: Path, metadata: dict[str, str], *, ratio: int = 1, multiple: int = 32) -> None:
    model = _Untraceable()
    model.ratio = ratio
    model.downsampler = IdentityDownsampler()
    export_onnx(
        model,  # pyright: ignore[reportArgumentType]
        folder / "model.onnx",
        max_detections=5,
        canvas_multiple_px=multiple,
        metadata=metadata,
        opset=18,
        example_hw=(64, 64),
    )


def test_file_tells_nothing_of_the_machine_that_made_it(exported):
    content = exported[1].path.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(torch.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_onnx_checker_accepts_the_file(exported):
    onnx.checker.check_model(str(exported[1].path), full_check=True)
