"""export: the student as ONNX, from raw pixels to boxes, proven equal before it gets its name; and its model card."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lowres.config.data import Input
from lowres.config.detection import Export
from lowres.data.dataset import DetectionDataset
from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.transforms import build_transforms
from lowres.data.truth import load_truth
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.cost import count_parameters
from lowres.export.model_card import write_model_card
from lowres.export.onnx import export_verified
from lowres.export.parity import ParityLimits, ParityReport
from lowres.models.artifact import ModelSpec, load_detector
from lowres.records import ImageDetections, ImageTruth
from lowres.stages.classes import require_same_classes
from lowres.stages.measuring.one_image import sized
from lowres.stages.outputs import read_json, whole_folder, write_json
from lowres.stages.provenance import provenance

MIN_SCORE = 0.05  # what lies below is not compared: it decides nothing, and its order is noise


def run(
    export: Export,
    sizing: Input,
    *,
    data: Path,
    student: Path,
    evaluation: Path,
    params_file: Path,
    out_export: Path,
    out_metrics: Path,
) -> dict[str, Any]:
    """Write model.onnx, the PyTorch weights and configuration, parity.json and the card; refuse a file that differs."""
    model, spec = load_detector(student)
    facts = provenance(params_file, data)
    details = read_json(evaluation / "details.json")
    val = data / "val"
    require_same_classes(spec, student, val)
    truth = load_truth(val)[: export.parity_images]
    with whole_folder(out_export) as folder:
        report = export_verified(
            model,
            folder / "model.onnx",
            max_detections=100,
            canvas_multiple_px=sizing.canvas_multiple_px,
            metadata={
                "class_names": json.dumps(spec.class_names),
                "category_ids": json.dumps(spec.category_ids),
                "input": json.dumps(sizing.model_dump()),
                "data_md5": facts["data"],
                "config_hash": facts["config_sha256"],
                "commit": facts["commit"] or "none",
            },
            opset=export.opset,
            example_hw=(sizing.short_side_px, sizing.long_side_px),
            samples=_samples(val, sizing, len(truth)),
            limits=ParityLimits(
                min_score=MIN_SCORE,
                box_px=export.max_box_difference_px,
                score=export.max_score_difference,
                unmatched_fraction=0.0,
                ap=export.max_ap_difference,
            ),
            threads=torch.get_num_threads(),
            ap=lambda found: _ap(found, truth, val, sizing, spec),
        )
        for name in ("model.safetensors", "model.safetensors.sha256", "config.json"):
            shutil.copyfile(student / name, folder / name)
        parity = asdict(report) | {"ap_difference": report.ap_difference}
        write_json(folder / "parity.json", parity)
        parameters = count_parameters(model)
        write_model_card(folder / "README.md", _card(spec, sizing, parameters, report, details, facts, data))
    print(report.summary())
    write_json(out_metrics, parity)
    return parity


def _samples(split: Path, sizing: Input, count: int) -> Iterator[tuple[int, np.ndarray]]:
    reader = ShardReader(split)
    for position in range(count):
        pixels = sized(decode_rgb(reader[position]), sizing.model_dump()).pixels
        yield int(reader.ids[position]), np.ascontiguousarray(pixels)


def _ap(
    found: list[ImageDetections], truth: list[ImageTruth], split: Path, sizing: Input, spec: ModelSpec
) -> float | None:
    """AP with detections in pixels of the sized images: the truth is sized alike."""
    dataset = DetectionDataset(split, build_transforms(short_side_px=1), seed=0, verify=False)
    scaled = []
    for position, image in enumerate(truth):
        size = sized(dataset.untouched(position).pixels, sizing.model_dump()).wh_px
        scale = np.array([size[0] / image.width, size[1] / image.height] * 2)
        scaled.append(
            ImageTruth(
                image_id=image.image_id,
                width=size[0],
                height=size[1],
                boxes_xyxy_px=image.boxes_xyxy_px * scale,
                labels=image.labels,
                iscrowd=image.iscrowd,
                area_px=image.area_px * scale[0] * scale[1],
            )
        )
    kept = [image.with_positive_sides() for image in found]
    return evaluate_detections(scaled, kept, class_names=spec.class_names).ap


def _card(
    spec: ModelSpec,
    sizing: Input,
    parameters: int,
    report: ParityReport,
    details: Mapping[str, Any],
    facts: Mapping[str, Any],
    data: Path,
) -> dict[str, Any]:
    rows, ratio = details["rows"], details["ratio"]
    student = next(row for row in rows if row["key"] == "student")
    check = read_json(data / "check.json")
    metrics = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    machine = details["machine"]
    return {
        "name": f"{spec.network['family']} that reads thumbnails, {ratio}x",
        "summary": (
            f"An object detector that shrinks its input {ratio}x ({spec.downsampler['kind']} down-sampler inside), "
            "trained under a full-resolution teacher."
        ),
        "model": {
            "family": spec.network["family"],
            "parameters": parameters,
            "ratio": ratio,
            "downsampler": ", ".join(f"{key} {value}" for key, value in spec.downsampler.items()),
            "stride_shift": spec.network["stride_shift"],
            "class_names": spec.class_names,
            "canvas_multiple_px": sizing.canvas_multiple_px,
            "max_detections": 100,
            "input": _sizing_sentence(sizing),
            "onnx_file": "model.onnx",
        },
        "accuracy": {
            "split": f"the {details['split']} split",
            "images": student["metrics"]["num_images"],
            "rows": [{"model": row["title"], **{name: row["metrics"][name] for name in metrics}} for row in rows],
        },
        "cost": {
            "hardware": f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}, batch 1",
            "threads": student["cost"]["threads"],
            "rows": [
                {
                    "model": row["title"],
                    "parameters": row["cost"]["parameters"],
                    "multiply_adds": row["cost"]["multiply_adds"],
                    "model_p50_ms": row["cost"]["latency"]["model"]["p50_ms"],
                    "file_to_boxes_p50_ms": row["cost"]["latency"]["total"]["p50_ms"],
                    "file_to_boxes_p99_ms": row["cost"]["latency"]["total"]["p99_ms"],
                }
                for row in rows
            ],
        },
        "data": {
            "name": f"{len(spec.class_names)} classes, prepared by lowres",
            **{f"{split}_images": check[split]["read"] for split in ("train", "val", "test")},
            "source": "see `data.source` in the configuration that has the hash below",
            "md5": facts["data"],
        },
        "training": {"config_hash": facts["config_sha256"], "commit": facts["commit"] or "none"},
        "ap_by_thumbnail_size": [
            {
                "long_side_px": _bin(size["low_px"], size["high_px"]),
                "objects": size["num_objects"],
                "AP": size["ap"],
                "AP50": size["ap50"],
            }
            for size in student["metrics"]["by_thumbnail_size"]
        ],
        "limits": [
            "It knows the classes above and images like those it was trained on; nothing else was measured.",
            "Objects of few thumbnail pixels are mostly missed, as the table shows.",
        ],
        "parity": asdict(report),
    }


def _bin(low_px: float, high_px: float | None) -> str:
    return f"{low_px:g} and more" if high_px is None else f"{low_px:g} to {high_px:g}"


def _sizing_sentence(sizing: Input) -> str:
    if sizing.stretch:
        return f"stretched to {sizing.short_side_px} x {sizing.short_side_px} px"
    return (
        f"short side {sizing.short_side_px} px, long side at most {sizing.long_side_px} px, aspect kept; resize before "
        "you call the file"
    )
