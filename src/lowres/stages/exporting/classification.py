"""Exporting classifiers: class probabilities, equal to PyTorch's, of whole images and of ready thumbnails."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from lowres.config.classification import Export
from lowres.config.data import Input
from lowres.data.resident import load_resident
from lowres.export.classifier_onnx import export_verified_classifier
from lowres.export.classifier_parity import ClassifierLimits, ClassifierParity
from lowres.export.classifier_runtime import THUMBNAIL_FILE
from lowres.export.model_card import CLASSIFIER_CARD
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel
from lowres.models.downsamplers import FixedKind
from lowres.models.thumbnail_classifier import ThumbnailClassifier, ThumbnailReader
from lowres.stages.exporting.card_facts import cost, downsampler_in_words, student_row
from lowres.stages.exporting.kit import Verified

_WEAKEST = 10  # classes on the card


class ClassificationExporting:
    """See `lowres.stages.exporting.kit.ExportingKit`."""

    card_template = CLASSIFIER_CARD

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
        """Probabilities of squares of the network's size; beside it, of thumbnails where interpolation makes them."""
        assert isinstance(model, ThumbnailClassifier)
        report = _verified(model, path, export, sizing, split=split, metadata=metadata)
        if not model.takes_thumbnails:
            return Verified(_figures(report), report.summary())
        small, beside = _thumbnail_sizing(sizing, model.ratio), path.with_name(THUMBNAIL_FILE)
        small_metadata = {**metadata, "input": json.dumps(small.model_dump())}
        of_small = _verified(ThumbnailReader(model), beside, export, small, split=split, metadata=small_metadata)
        return Verified(
            _figures(report) | {"thumbnail": _figures(of_small)},
            f"{path.name}: {report.summary()}\n{beside.name}: {of_small.summary()}",
        )

    def card(self, spec: ModelSpec, sizing: Input, *, parameters: int, details: Mapping[str, Any]) -> dict[str, Any]:
        """Accuracy with its interval, calibration, and the classes that are recognised least."""
        ratio, side, student = details["ratio"], sizing.short_side_px, student_row(details)["metrics"]
        takes_thumbnails = spec.downsampler["kind"] in get_args(FixedKind)
        return {
            "name": f"{spec.network['family']} that reads thumbnails, {ratio}x",
            "summary": (
                f"An image classifier that shrinks its input of {side} x {side} px {ratio}x to {side // ratio} x "
                f"{side // ratio} px ({spec.downsampler['kind']} down-sampler inside), trained under a full-resolution "
                "teacher."
            ),
            "model": {
                "family": spec.network["family"],
                "width": spec.network["width"],
                "parameters": parameters,
                "ratio": ratio,
                "downsampler": downsampler_in_words(spec),
                "restore": spec.network["restore"],
                "class_names": spec.class_names,
                "side_px": side,
                "onnx_file": "model.onnx",
                "thumbnail_px": side // ratio,
                "thumbnail_file": THUMBNAIL_FILE if takes_thumbnails else None,
            },
            "accuracy": {
                "split": f"the {details['split']} split",
                "images": student["num_images"],
                "rows": [_accuracy(row) for row in details["rows"]],
            },
            "calibration": {
                "rows": [
                    {
                        "confidence": f"{part['low']:.2f} to {part['high']:.2f}",
                        "images": part["num_images"],
                        "mean_confidence": part["mean_confidence"],
                        "accuracy": part["accuracy"],
                    }
                    for part in student["reliability"]
                    if part["num_images"]
                ],
            },
            "cost": cost(details, ends_in="probabilities"),
            "weakest_classes": _weakest(student["per_class"]),
            "limits": [
                "It knows the classes above and images like those it was trained on; nothing else was measured.",
                "Every image gets one of these classes, whatever it shows: there is no class for none of them.",
            ],
        }


def _verified(
    model: ThumbnailClassifier | ThumbnailReader,
    path: Path,
    export: Export,
    sizing: Input,
    *,
    split: Path,
    metadata: Mapping[str, str],
) -> ClassifierParity:
    """Export for squares of `sizing`, compared on the split's images."""
    return export_verified_classifier(
        model,
        path,
        side_px=sizing.short_side_px,
        metadata=metadata,
        opset=export.opset,
        samples=_samples(split, sizing, export.parity_images),
        limits=ClassifierLimits(probability=export.max_probability_difference, top1=export.max_top1_difference),
        threads=torch.get_num_threads(),
    )


def _figures(report: ClassifierParity) -> dict[str, Any]:
    return asdict(report) | {"top1_difference": report.top1_difference}


def _thumbnail_sizing(sizing: Input, ratio: int) -> Input:
    sides = ("short_side_px", "long_side_px", "canvas_multiple_px")
    return sizing.model_copy(update={name: getattr(sizing, name) // ratio for name in sides})


def _samples(split: Path, sizing: Input, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """The split's first images, stretched as training and evaluation stretch them."""
    resident = load_resident(split, side_px=sizing.short_side_px)
    for label, pixels in zip(resident.labels[:count].tolist(), resident.pixels[:count], strict=True):
        yield label, np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _accuracy(row: Mapping[str, Any]) -> dict[str, Any]:
    metrics = row["metrics"]
    low, high = metrics["top1_interval"]
    return {
        "model": row["title"],
        "top-1": metrics["top1"],
        "95 % interval": f"{low:.4g} to {high:.4g}",
        "top-5": metrics["top5"],
        "calibration error": metrics["expected_calibration_error"],
    }


def _weakest(per_class: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    seen = [(part["accuracy"], name, part["num_images"]) for name, part in per_class.items() if part["num_images"]]
    return [{"class": name, "images": images, "top-1": top1} for top1, name, images in sorted(seen)[:_WEAKEST]]
