import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML
from tests.models.tiny_classifier import CLASS_NAMES, LEARNED, SIDE_PX, save_tiny_classifier, tiny_spec
from tests.stages.small import small_class_params, write_params

import lowres.api as api
from lowres.config.classification import Export
from lowres.config.data import Input
from lowres.data.class_folders import ClassFolders
from lowres.data.pack import pack_split
from lowres.data.resident import load_resident
from lowres.evaluation.classification import evaluate_classes, top1_interval
from lowres.export.classifier_parity import classify_with_pytorch
from lowres.export.classifier_runtime import OnnxClassifier
from lowres.stages import export as stage
from lowres.stages.exporting.choose import exporting_kit_of
from lowres.stages.outputs import write_json

EXPORT = Export(opset=18, parity_images=8, max_probability_difference=1e-4, max_top1_difference=0.0)
SIZING = Input(**tiny_spec().input)
COST = {
    "parameters": 1000,
    "multiply_adds": 2_000_000,
    "threads": 2,
    "latency": {"model": {"p50_ms": 0.5}, "total": {"p50_ms": 1.5, "p99_ms": 2.5}},
}


def write_data(folder: Path) -> None:
    """Two images of noise per class in each of three splits, one of them larger than the network's input."""
    rng = np.random.default_rng(0)
    check = {}
    for split in ("train", "val", "test"):
        for name in CLASS_NAMES:
            images = folder / "images" / split / name
            images.mkdir(parents=True)
            for number, side in enumerate((SIDE_PX, 40)):
                cv2.imwrite(str(images / f"{number}.png"), rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        source = ClassFolders(folder / "images", split=split)
        check[split] = pack_split(
            source, folder / "data" / split, shard_bytes=10**6, max_bad_fraction=0.0, min_side_px=1
        )
    write_json(folder / "data/check.json", check)


def write_details(folder: Path, model) -> None:
    val = load_resident(folder / "data/val", side_px=SIDE_PX)
    images = list(val.pixels.permute(0, 2, 3, 1).numpy())
    probabilities, labels = classify_with_pytorch(model, images), val.labels.numpy()
    metrics = evaluate_classes(probabilities, labels, class_names=CLASS_NAMES).as_dict()
    metrics["top1_interval"] = list(top1_interval(probabilities, labels))
    rows = [
        {"key": key, "title": title, "metrics": metrics, "cost": COST}
        for key, title in (("teacher", "Teacher"), ("student", "Student"))
    ]
    details = {
        "split": "val",
        "ratio": model.ratio,
        "rows": rows,
        "machine": {"cpu": "a CPU", "cores": 2, "torch": "2"},
    }
    write_json(folder / "evaluation/details.json", details)


def run(folder: Path, *, task: str = "classification", export: Export = EXPORT):
    return stage.run(
        task,
        export,
        SIZING,
        data=folder / "data",
        student=folder / "student",
        evaluation=folder / "evaluation",
        params_file=folder / "params.yaml",
        out_export=folder / "export",
        out_metrics=folder / "metrics.json",
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    values = small_class_params()
    values["data"]["input"] = SIZING.model_dump()
    write_params(folder / "params.yaml", values)
    write_data(folder)
    write_details(folder, save_tiny_classifier(folder / "student"))
    return folder


@pytest.fixture(scope="module")
def exported(prepared):
    return prepared, run(prepared)


def test_export_leaves_file_weights_parity_and_card(exported):
    folder, metrics = exported
    names = {path.name for path in (folder / "export").iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "config.json.sha256",
        "model.onnx",
        "model.onnx.sha256",
        "model.safetensors",
        "model.safetensors.sha256",
        "parity.json",
        "thumbnail.onnx",
        "thumbnail.onnx.sha256",
    }
    parity = json.loads((folder / "export/parity.json").read_text())
    assert parity == metrics == json.loads((folder / "metrics.json").read_text())
    assert parity["images"] == 8
    assert parity["max_probability"] < 1e-4
    assert parity["changed"] == parity["top1_difference"] == 0
    assert parity["thumbnail"]["images"] == 8
    assert parity["thumbnail"]["max_probability"] < 1e-4


@pytest.mark.parametrize("name", ["model.onnx", "thumbnail.onnx", "config.json", "model.safetensors"])
def test_a_flipped_bit_in_what_decides_results_is_found(exported, tmp_path, name):
    folder = shutil.copytree(exported[0] / "export", tmp_path / "export")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    model = folder / name if name.endswith(".onnx") else folder
    where = "its metadata" if name.endswith(".onnx") else f"{name}.sha256"
    with pytest.raises(ValueError, match=re.escape(f"{name}: its sha256 is not the one in {where}")):
        api.load(model)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: its sha256"):
        api.benchmark(model, [])


def test_a_file_alone_and_a_folder_of_an_earlier_version_load(exported, tmp_path):
    folder = shutil.copytree(exported[0] / "export", tmp_path / "export")
    for record in ("config.json.sha256", "model.onnx.sha256"):
        (folder / record).unlink()
    assert api.load(folder).class_names == api.load(folder / "model.onnx").class_names == CLASS_NAMES


def same_probabilities(one: str | Path, other: str | Path, *sizes: tuple[int, int]) -> None:
    models = [api.load(one), api.load(other)]
    assert models[0].class_names == models[1].class_names == CLASS_NAMES
    rng = np.random.default_rng(1)
    for size in sizes:
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        found = [api.predict(model, pixels) for model in models]
        assert found[0].shape == (6,)
        np.testing.assert_allclose(*found, atol=1e-4)


def test_folder_and_file_give_the_same_probabilities_of_images_of_any_size(exported):
    folder, _ = exported
    same_probabilities(folder / "student", folder / "export/model.onnx", (SIDE_PX, SIDE_PX), (70, 50), (20, 90), (9, 8))


def test_folder_and_file_for_thumbnails_give_the_same_probabilities_of_small_images(exported):
    folder, _ = exported
    same_probabilities(folder / "student", folder / "export/thumbnail.onnx", (8, 8), (5, 8), (3, 3))


def test_the_file_for_thumbnails_says_what_it_reads(exported):
    file = OnnxClassifier(exported[0] / "export/thumbnail.onnx", threads=1)
    assert file.side_px == 8
    assert file.metadata["ratio"] == "1"
    assert json.loads(file.metadata["input"]) == {
        "short_side_px": 8,
        "long_side_px": 8,
        "stretch": True,
        "canvas_multiple_px": 8,
    }
    assert json.loads(file.metadata["parity"])["images"] == 8


def test_a_learned_down_sampler_has_no_file_for_thumbnails(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/student")
    save_tiny_classifier(tmp_path / "run/student", tiny_spec(downsampler=LEARNED))
    metrics = run(tmp_path / "run")
    assert "thumbnail" not in metrics
    assert not (tmp_path / "run/export/thumbnail.onnx").exists()
    assert "thumbnail.onnx" not in (tmp_path / "run/export/README.md").read_text()


def test_the_card_tells_what_was_measured(exported):
    card = (exported[0] / "export/README.md").read_text()
    front = YAML(typ="safe").load(card.split("---\n")[1])
    assert front["pipeline_tag"] == "image-classification"
    assert "shrinks its input of 32 x 32 px 4x to 8 x 8 px (bicubic down-sampler inside)" in card
    assert "| model | top-1 | 95 % interval | top-5 | calibration error |" in card
    assert "| Student | 1,000 | 2,000,000 | 0.5 | 1.5 | 2.5 |" in card
    assert "12 images for training, 12 for validation, 12 for test" in card
    assert "Images that are 8 x 8 px or less already, and no others, belong into `thumbnail.onnx`" in card
    assert all(f"| {name} | 2 |" in card for name in CLASS_NAMES)


def test_a_limit_that_is_not_met_leaves_the_export_before_it(exported, tmp_path):
    shutil.copytree(exported[0], tmp_path / "run")
    before = (tmp_path / "run/export/model.onnx").read_bytes()
    strict = EXPORT.model_copy(update={"max_probability_difference": 1e-12})
    with pytest.raises(ValueError, match="export refused: ONNX Runtime and PyTorch disagree in probabilities"):
        run(tmp_path / "run", export=strict)
    assert (tmp_path / "run/export/model.onnx").read_bytes() == before


def test_a_student_of_another_task_is_refused(prepared):
    with pytest.raises(ValueError, match=r"student: a model for classification, params\.yaml says task: detection"):
        run(prepared, task="detection")


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task: 'segmentation' unknown; use one of detection, classification"):
        exporting_kit_of("segmentation")
