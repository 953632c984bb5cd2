"""What detectors make of a split: metrics, curves, detections, confusion, and which images to look at."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from lowres.config.data import Input
from lowres.config.detection import Evaluate
from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.truth import class_names, load_truth
from lowres.evaluation.ap_resampling import headline_intervals
from lowres.evaluation.coco import evaluate_matches, match_detections
from lowres.evaluation.confusion import best_median_worst, confusion_matrix, match_images
from lowres.evaluation.curves import curves_of
from lowres.evaluation.saved import save_detections, save_truth
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections, ImageTruth
from lowres.stages.batches import choose_device, eval_batches, resize_of
from lowres.stages.measuring.kit import Measured
from lowres.stages.measuring.one_image import Decoded
from lowres.stages.outputs import write_json
from lowres.stages.pictures import to_image
from lowres.stages.progress import counting
from lowres.tasks.detect import detect_batches

NUM_EXAMPLES = 12


def measure_detectors(
    models: Mapping[str, ThumbnailDetector], evaluate: Evaluate, sizing: Input, *, split: Path, folder: Path
) -> Measured:
    """Metrics of each model; `folder` gets curves, detections, tables for `dvc plots`, and thumbnails of examples."""
    truth, names, student = load_truth(split), class_names(split), models["student"]
    measure: dict[str, Any] = {
        "class_names": names,
        "max_detections": evaluate.max_detections,
        "thumbnail_ratio": student.ratio,
        "input_scale": resize_of(sizing).scale,
    }
    metrics, curves, found = {}, {}, {}
    for key, model in models.items():
        found[key] = _detect(key, model, split, sizing, evaluate)
        matches = match_detections(truth, found[key], **measure)
        intervals = {f"{name}_interval": values for name, values in headline_intervals(matches).items()}
        named = {"class_names": names, "thumbnail_ratio": student.ratio}
        metrics[key] = evaluate_matches(matches, **named).as_dict() | intervals
        curves[key] = curves_of(matches, class_names=names)
        save_detections(folder / "detections" / f"{key}.npz", found[key])
        write_json(folder / "detections" / f"{key}.json", [_plain(image) for image in found[key]])
    save_truth(folder / "truth.npz", truth)
    write_json(folder / "curves.json", curves)
    _write_plots(folder, curves, metrics)
    threshold = evaluate.score_threshold
    matches = match_images(truth, found["student"], num_classes=len(names), score_threshold=threshold)
    confusion = confusion_matrix(truth, found["student"], num_classes=len(names), score_threshold=threshold)
    examples = best_median_worst(matches, NUM_EXAMPLES)
    _write_thumbnails(folder / "thumbnails", student, split, sizing, truth, examples)
    details = {
        "score_threshold": threshold,
        "confusion": confusion.tolist(),
        "examples": examples,
        "thumbnail_channels": student.thumbnail_channels,
        "f1_by_image": {str(match.image_id): match.f1 for match in matches},
    }
    return Measured(metrics, details)


def _detect(
    key: str, model: ThumbnailDetector, split: Path, sizing: Input, evaluate: Evaluate
) -> list[ImageDetections]:
    device = choose_device()
    batches = eval_batches(split, sizing, batch_size=evaluate.batch_size)
    with counting(f"evaluate {key}", len(batches) * evaluate.batch_size) as step:
        found = detect_batches(
            model.to(device).eval(), batches, max_detections=evaluate.max_detections, device=device, on_images=step
        )
    model.cpu()
    return found


def _plain(image: ImageDetections) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "boxes_xyxy_px": np.round(image.boxes_xyxy_px, 2).tolist(),
        "scores": np.round(image.scores, 5).tolist(),
        "labels": image.labels.tolist(),
    }


def _write_plots(folder: Path, curves: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Tables that `dvc plots` draws, one per row: it tells lines apart by file."""
    for key, curve in curves.items():
        precision = (curve["overall"] or {}).get("iou_50", [])
        _write_csv(folder / f"precision_recall_{key}.csv", ["recall", "precision"], zip(curve["recall"], precision))
    for key, values in metrics.items():
        sizes = values["by_thumbnail_size"]
        lines = [(f"{size['low_px']:g} px and more", size["ap"]) for size in sizes if size["ap"] is not None]
        _write_csv(folder / f"ap_by_size_{key}.csv", ["size", "ap"], lines)


def _write_csv(path: Path, header: list[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)


def _write_thumbnails(
    folder: Path,
    model: ThumbnailDetector,
    split: Path,
    sizing: Input,
    truth: list[ImageTruth],
    examples: dict[str, list[int]],
) -> None:
    folder.mkdir(parents=True)
    wanted = {image_id for ids in examples.values() for image_id in ids}
    positions = {image.image_id: position for position, image in enumerate(truth)}
    reader = ShardReader(split, verify=False)
    for image_id in sorted(wanted):
        decoded = Decoded.of(decode_rgb(reader[positions[image_id]]), sizing.model_dump())
        with torch.inference_mode():
            thumbnail, mask = model.shrink(decoded.batch.pixels, decoded.batch.mask)
        height, width = int(mask[0].any(1).sum()), int(mask[0].any(0).sum())
        cv2.imwrite(str(folder / f"{image_id}.png"), to_image(thumbnail[0, :, :height, :width])[..., ::-1])
