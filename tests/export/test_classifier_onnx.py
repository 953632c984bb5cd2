import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.models.tiny_classifier import BICUBIC, CLASS_NAMES, LEARNED, SIDE_PX, tiny_classifier, tiny_spec

from lowres.export.classifier_onnx import export_classifier, export_verified_classifier
from lowres.export.classifier_parity import ClassifierLimits, classify_with_pytorch
from lowres.export.classifier_runtime import OnnxClassifier
from lowres.export.onnx_file import REQUIRED_METADATA

LIMITS = ClassifierLimits(probability=1e-4, top1=0.0)

# Every family, every way to enlarge, and a learned, a fixed and no down-sampler; each costs some seconds.
CASES = {
    "alexnet": {"family": "alexnet", "downsampler": BICUBIC, "restore": "bicubic"},
    "vgg16": {"family": "vgg16", "downsampler": {"kind": "identity", "ratio": 1}, "restore": "none"},
    "resnet18": {"family": "resnet18", "downsampler": LEARNED, "restore": "bilinear"},
}


@pytest.fixture(scope="module")
def facts(metadata):
    return {**metadata, "class_names": json.dumps(CLASS_NAMES)}


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory, facts, noise):
    """Model, file, and the images it was verified on."""
    model = tiny_classifier(tiny_spec(**CASES[request.param]))
    images = noise(*[(SIDE_PX, SIDE_PX)] * 5)
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    export_verified_classifier(
        model,
        path,
        side_px=SIDE_PX,
        metadata=facts,
        opset=18,
        samples=enumerate(images),
        limits=LIMITS,
        threads=1,
    )
    return model, OnnxClassifier(path, threads=1), images


def test_file_agrees_with_pytorch_at_batches_it_was_not_traced_with(exported, noise):
    model, classifier, _ = exported
    images = noise(*[(SIDE_PX, SIDE_PX)] * 7)
    expected = classify_with_pytorch(model, images)
    assert np.ptp(expected, axis=0).max() > 0.1
    for batch_size in (1, 3, 7):
        found = classifier.classify(images, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)


def test_interface_is_raw_squares_in_and_probabilities_out(exported):
    session = onnxruntime.InferenceSession(exported[1].path)
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("pixels", "tensor(uint8)", ["batch", SIDE_PX, SIDE_PX, 3])
    ]
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [
        ("probabilities", "tensor(float)", ["batch", len(CLASS_NAMES)])
    ]


def test_metadata_comes_back_with_the_parity_figures(exported, facts):
    model, classifier, images = exported
    assert {name: classifier.metadata[name] for name in facts} == facts
    assert classifier.class_names == CLASS_NAMES
    assert {name: classifier.metadata[name] for name in ("task", "ratio", "opset", "lowres_format")} == {
        "task": "classification",
        "ratio": str(model.ratio),
        "opset": "18",
        "lowres_format": "1",
    }
    parity = json.loads(classifier.metadata["parity"])
    assert parity["images"] == len(images)
    assert 0 <= parity["max_probability"] < LIMITS.probability
    assert parity["changed"] == 0
    assert parity["top1_pytorch"] == parity["top1_onnx"]


def test_export_leaves_the_model_as_it_was(exported):
    model, _, _ = exported
    assert not model.training
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert bool(norms) == (type(model.classifier).__name__ != "AlexNet")


def test_no_other_file_lies_beside_the_exported_one(exported):
    assert list(exported[1].path.parent.iterdir()) == [exported[1].path]


def test_file_tells_nothing_of_the_machine_that_made_it(exported):
    content = exported[1].path.read_bytes()
    assert b"site-packages" not in content
    assert b"Traceback" not in content
    assert str(Path(torch.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_onnx_checker_accepts_the_file(exported):
    onnx.checker.check_model(str(exported[1].path), full_check=True)


def test_a_weight_that_changes_under_way_refuses_the_export_and_keeps_the_old_file(tmp_path: Path, facts, noise):
    model = tiny_classifier(tiny_spec())
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the old file")

    def samples() -> Iterator[tuple[int, np.ndarray]]:
        # Read only after the graph is written, so that the model compared is another than the one exported.
        with torch.no_grad():
            model.classifier.linear.bias[0] += 1.0
        yield from enumerate(noise(*[(SIDE_PX, SIDE_PX)] * 3))

    with pytest.raises(ValueError, match=r"export refused.*probabilities differ by at most 0\..*limits"):
        export_verified_classifier(
            model,
            path,
            side_px=SIDE_PX,
            metadata=facts,
            opset=18,
            samples=samples(),
            limits=LIMITS,
            threads=1,
        )
    assert path.read_bytes() == b"the old file"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", REQUIRED_METADATA)
def test_metadata_without_provenance_is_refused(tmp_path: Path, facts, name: str):
    kept = {key: value for key, value in facts.items() if key != name}
    with pytest.raises(ValueError, match=f"metadata lacks {name}"):
        export_classifier(
            tiny_classifier(tiny_spec()), tmp_path / "model.onnx", side_px=SIDE_PX, metadata=kept, opset=18
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"class_names": '["stop"]'}}, "model's 6 names"),
        ({"side_px": 30}, "input side 30 px is no multiple of the ratio 4"),
        ({"opset": 17, "family": "resnet18"}, "export.opset: this model cannot be written in operator set 17; use 18"),
    ],
    ids=["class names", "side", "operator set"],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path: Path, facts, change, message):
    with pytest.raises(ValueError, match=message):
        export_classifier(
            tiny_classifier(tiny_spec(change.get("family", "alexnet"))),
            tmp_path / "model.onnx",
            side_px=change.get("side_px", SIDE_PX),
            metadata={**facts, **change.get("metadata", {})},
            opset=change.get("opset", 18),
        )
    assert not list(tmp_path.iterdir())
