"""evaluate: teacher, teacher on bicubic thumbnails, student; accuracy, cost, and which images to look at."""

import csv
import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from lowres.config.data import Input
from lowres.config.detection import Evaluate
from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.truth import load_truth
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.confusion import best_median_worst, confusion_matrix, match_images
from lowres.evaluation.cost import count_parameters, multiply_adds
from lowres.evaluation.curves import precision_recall
from lowres.evaluation.drop_rate import drop_rate
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_detector
from lowres.models.downsamplers import FixedDownsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import ImageDetections, ImageTruth
from lowres.stages.batches import choose_device, eval_batches, resize_of
from lowres.stages.classes import require_same_classes
from lowres.stages.cost import Decoded, as_used, detector_latency, detector_memory
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.progress import counting
from lowres.stages.provenance import data_identity
from lowres.tasks.detect import detect_batches

NUM_EXAMPLES = 12


@dataclass(frozen=True)
class Row:
    """One line of the table: a detector and how it is fed."""

    key: str
    title: str
    model: ThumbnailDetector
    folder: Path
    bicubic_ratio: int | None = None


def run(
    evaluate: Evaluate,
    sizing: Input,
    *,
    data: Path,
    teacher: Path,
    student: Path,
    out_evaluation: Path,
    out_metrics: Path,
) -> dict[str, Any]:
    """Measure all rows on the chosen split; write details, detections, curves, and a flat summary."""
    teacher_model, teacher_spec = load_detector(teacher)
    student_model, student_spec = load_detector(student)
    ratio = student_model.ratio
    split = data / evaluate.split
    require_same_classes(teacher_spec, teacher, split)
    require_same_classes(student_spec, student, split)
    truth = load_truth(split)
    bicubic = ThumbnailDetector(FixedDownsampler(kind="bicubic", ratio=ratio), teacher_model.detector)
    rows = [
        Row("teacher", "Teacher, full resolution", teacher_model, teacher),
        Row("teacher_bicubic", "Teacher, fed bicubic thumbnails", bicubic, teacher, ratio),
        Row("student", "Student, thumbnails", student_model, student),
    ]
    names = student_spec.class_names
    measure: dict[str, Any] = {
        "class_names": names,
        "max_detections": evaluate.max_detections,
        "thumbnail_ratio": ratio,
        "input_scale": resize_of(sizing).scale,
    }
    details, curves, found = [], {}, {}
    for row in rows:
        found[row.key] = _detect(row, split, sizing, evaluate)
        metrics = evaluate_detections(truth, found[row.key], **measure)
        curves[row.key] = precision_recall(truth, found[row.key], **measure)
        details.append({"key": row.key, "title": row.title, "metrics": metrics.as_dict()})
    encoded = _encoded(split)
    for row, detail in zip(rows, details, strict=True):
        detail["cost"] = _cost(row, split, encoded, sizing, evaluate)
    for detail, memory in zip(details, _memories(rows, encoded[0], sizing), strict=True):
        detail["cost"] |= memory
    matches = match_images(truth, found["student"], num_classes=len(names), score_threshold=evaluate.score_threshold)
    confusion = confusion_matrix(
        truth, found["student"], num_classes=len(names), score_threshold=evaluate.score_threshold
    )
    examples = best_median_worst(matches, NUM_EXAMPLES)
    summary = _summary(details)
    with whole_folder(out_evaluation) as folder:
        write_json(
            folder / "details.json",
            {
                "split": evaluate.split,
                "data": data_identity(data),
                "class_names": names,
                "ratio": ratio,
                "score_threshold": evaluate.score_threshold,
                "rows": details,
                "drop_rate": summary["accuracy_drop_rate"],
                "confusion": confusion.tolist(),
                "examples": examples,
                "f1_by_image": {str(match.image_id): match.f1 for match in matches},
                "machine": machine_facts(),
            },
        )
        write_json(folder / "curves.json", curves)
        for key, detections in found.items():
            write_json(folder / "detections" / f"{key}.json", [_plain(image) for image in detections])
        _write_plots(folder, curves, details)
        _write_thumbnails(folder / "thumbnails", student_model, split, sizing, truth, examples)
    write_json(out_metrics, summary)
    return summary


def _detect(row: Row, split: Path, sizing: Input, evaluate: Evaluate) -> list[ImageDetections]:
    device = choose_device()
    batches = eval_batches(split, sizing, batch_size=evaluate.batch_size)
    model = row.model.to(device).eval()
    with counting(f"evaluate {row.key}", len(batches) * evaluate.batch_size) as step:
        found = detect_batches(model, batches, max_detections=evaluate.max_detections, device=device, on_images=step)
    row.model.cpu()
    return found


def _encoded(split: Path, count: int = 16) -> list[bytes]:
    reader = ShardReader(split, verify=False)
    return [bytes(reader[position]) for position in range(min(count, len(reader)))]


def _cost(row: Row, split: Path, encoded: list[bytes], sizing: Input, evaluate: Evaluate) -> dict[str, Any]:
    batch = next(iter(eval_batches(split, sizing, batch_size=1)))
    return {
        "parameters": count_parameters(row.model),
        "multiply_adds": multiply_adds(row.model, (batch.pixels, batch.mask)),
        "input_wh_px": [batch.pixels.shape[3], batch.pixels.shape[2]],
        "thumbnail_wh_px": [batch.pixels.shape[3] // row.model.ratio, batch.pixels.shape[2] // row.model.ratio],
        **detector_latency(
            row.model,
            encoded=encoded,
            sizing=sizing.model_dump(),
            repeats=evaluate.latency_repeats,
            max_detections=evaluate.max_detections,
        ),
    }


def _memories(rows: list[Row], encoded: bytes, sizing: Input) -> list[dict[str, int]]:
    """Peak memory of every row; their processes may run beside each other, now that no time is taken."""

    def measure(row: Row) -> dict[str, int]:
        load = functools.partial(_load_row, str(row.folder), row.bicubic_ratio)
        return detector_memory(load, encoded=encoded, sizing=sizing.model_dump())

    with ThreadPoolExecutor(len(rows)) as pool:
        return list(pool.map(measure, rows))


def _load_row(folder: str, bicubic_ratio: int | None) -> ThumbnailDetector:
    model, _ = load_detector(Path(folder))
    if bicubic_ratio is not None:
        model = ThumbnailDetector(FixedDownsampler(kind="bicubic", ratio=bicubic_ratio), model.detector)
    return as_used(model)


def _summary(details: list[dict[str, Any]]) -> dict[str, Any]:
    by_key = {detail["key"]: detail for detail in details}
    summary: dict[str, Any] = {}
    for key, detail in by_key.items():
        metrics, cost = detail["metrics"], detail["cost"]
        names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_100")
        summary[key] = {name: metrics[name] for name in names if metrics[name] is not None} | {
            "parameters": cost["parameters"],
            "multiply_adds": cost["multiply_adds"],
            "latency_p50_ms": cost["latency"]["total"]["p50_ms"],
        }
    teacher, student = by_key["teacher"], by_key["student"]
    teacher_ap, student_ap = teacher["metrics"]["ap"], student["metrics"]["ap"]
    summary["accuracy_drop_rate"] = drop_rate(teacher_ap, student_ap) if teacher_ap and student_ap is not None else None
    summary["multiply_adds_ratio"] = teacher["cost"]["multiply_adds"] / student["cost"]["multiply_adds"]
    summary["speedup_total"] = (
        teacher["cost"]["latency"]["total"]["p50_ms"] / student["cost"]["latency"]["total"]["p50_ms"]
    )
    return summary


def _plain(image: ImageDetections) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "boxes_xyxy_px": np.round(image.boxes_xyxy_px, 2).tolist(),
        "scores": np.round(image.scores, 5).tolist(),
        "labels": image.labels.tolist(),
    }


def _write_plots(folder: Path, curves: dict[str, Any], details: list[dict[str, Any]]) -> None:
    """Tables that `dvc plots` draws, one per row: it tells lines apart by file."""
    for key, curve in curves.items():
        precision = (curve["overall"] or {}).get("iou_50", [])
        _write_csv(folder / f"precision_recall_{key}.csv", ["recall", "precision"], zip(curve["recall"], precision))
    for detail in details:
        sizes = detail["metrics"]["by_thumbnail_size"]
        lines = [(f"{size['low_px']:g} px and more", size["ap"]) for size in sizes if size["ap"] is not None]
        _write_csv(folder / f"ap_by_size_{detail['key']}.csv", ["size", "ap"], lines)


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
        pixels = (thumbnail[0, :, :height, :width].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        cv2.imwrite(str(folder / f"{image_id}.png"), pixels[..., ::-1])
