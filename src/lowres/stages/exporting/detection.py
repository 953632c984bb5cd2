"""Exporting detectors: boxes, scores and labels, equal to PyTorch's detections."""

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
from lowres.export.model_card import DETECTOR_CARD
from lowres.export.onnx import export_verified
from lowres.export.parity import ParityLimits
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections, ImageTruth
from lowres.stages.exporting.card_facts import cost, downsampler_in_words, student_row
from lowres.stages.exporting.kit import Verified
from lowres.stages.measuring.one_image import sized

MAX_DETECTIONS = 100
MIN_SCORE = 0.05  # what lies below is not compared: it decides nothing, and its order is noise


class DetectionExporting:
    """See `lowres.stages.exporting.kit.ExportingKit`."""

    card_template = DETECTOR_CARD

    def write(
        self,
        model: ThumbnailModel,
        path: Path,
        export: Export,
        sizing: Input,
        *,
        spec: ModelSpec,
        split: Path,
        metadata: Mapping[str, str],
    ) -> Verified:
        """The hundred best detections of images of any size."""
        assert isinstance(model, ThumbnailDetector)
        truth = load_truth(split)[: export.parity_images]
        report = export_verified(
            model,
            path,
            max_detections=MAX_DETECTIONS,
            canvas_multiple_px=sizing.canvas_multiple_px,
            metadata=metadata,
            opset=export.opset,
            example_hw=(sizing.short_side_px, sizing.long_side_px),
            samples=_samples(split, sizing, len(truth)),
            limits=ParityLimits(
                min_score=MIN_SCORE,
                box_px=export.max_box_difference_px,
                score=export.max_score_difference,
                unmatched_fraction=0.0,
                ap=export.max_ap_difference,
            ),
            threads=torch.get_num_threads(),
            ap=lambda found: _ap(found, truth, split, sizing, spec),
        )
        return Verified(asdict(report) | {"ap_difference": report.ap_difference}, report.summary())

    def card(self, spec: ModelSpec, sizing: Input, *, parameters: int, details: Mapping[str, Any]) -> dict[str, Any]:
        """COCO's metrics, and AP by the size of an object on the thumbnail."""
        ratio, student = details["ratio"], student_row(details)
        metrics = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
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
                "downsampler": downsampler_in_words(spec),
                "stride_shift": spec.network["stride_shift"],
                "class_names": spec.class_names,
                "canvas_multiple_px": sizing.canvas_multiple_px,
                "max_detections": MAX_DETECTIONS,
                "input": _sizing_sentence(sizing),
                "onnx_file": "model.onnx",
            },
            "accuracy": {
                "split": f"the {details['split']} split",
                "images": student["metrics"]["num_images"],
                "rows": [
                    {"model": row["title"], **{name: row["metrics"][name] for name in metrics}}
                    for row in details["rows"]
                ],
            },
            "cost": cost(details, ends_in="boxes"),
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
        }


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


def _bin(low_px: float, high_px: float | None) -> str:
    return f"{low_px:g} and more" if high_px is None else f"{low_px:g} to {high_px:g}"


def _sizing_sentence(sizing: Input) -> str:
    if sizing.stretch:
        return f"stretched to {sizing.short_side_px} x {sizing.short_side_px} px"
    return (
        f"short side {sizing.short_side_px} px, long side at most {sizing.long_side_px} px, aspect kept; resize before "
        "you call the file"
    )
