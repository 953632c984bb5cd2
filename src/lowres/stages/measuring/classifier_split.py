"""What classifiers make of a split: metrics, probabilities, tables for `dvc plots`, and images to look at."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from lowres.config.classification import Evaluate
from lowres.config.data import Input
from lowres.data.resident import ResidentSplit, evaluation_batches, load_resident
from lowres.evaluation.class_resampling import class_intervals
from lowres.evaluation.classification import evaluate_classes, top1_interval
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages.batches import choose_device
from lowres.stages.measuring.kit import Measured
from lowres.stages.outputs import write_json
from lowres.stages.pictures import to_image
from lowres.stages.progress import counting
from lowres.tasks.classification import classify_batches

NUM_EXAMPLES = 12


def measure_classifiers(
    models: Mapping[str, ThumbnailClassifier], evaluate: Evaluate, sizing: Input, *, split: Path, folder: Path
) -> Measured:
    """Metrics of each model; `folder` gets probabilities, reliability tables, and examples beside their thumbnails."""
    resident = load_resident(split, side_px=sizing.short_side_px)
    labels = resident.labels.numpy()
    metrics, found = {}, {}
    for key, model in models.items():
        found[key] = _classify(key, model, resident, evaluate.batch_size)
        metrics[key] = evaluate_classes(
            found[key], labels, class_names=resident.class_names, bins=evaluate.calibration_bins
        ).as_dict()
        intervals = class_intervals(found[key], labels, bins=evaluate.calibration_bins)
        metrics[key] |= {f"{name}_interval": values for name, values in intervals.items()}
        metrics[key] |= {"top1_interval": list(top1_interval(found[key], labels))}
        (folder / "probabilities").mkdir(exist_ok=True)
        np.save(folder / "probabilities" / f"{key}.npy", found[key].astype(np.float32))
        _write_reliability(folder / f"reliability_{key}.csv", metrics[key]["reliability"])
    examples = _examples(found["student"], labels)
    _write_pictures(folder / "examples", models["student"], resident, [i for ids in examples.values() for i in ids])
    write_json(folder / "labels.json", {"labels": labels.tolist(), "image_ids": resident.image_ids.tolist()})
    confusion = {key: values["confusion"] for key, values in metrics.items()}
    return Measured(metrics, {"examples": examples, "confusion": confusion})


def _classify(key: str, model: ThumbnailClassifier, split: ResidentSplit, batch_size: int) -> np.ndarray:
    device = choose_device()
    with counting(f"evaluate {key}", len(split)) as step:
        batches = evaluation_batches(split, batch_size=batch_size)
        found = classify_batches(model.to(device).eval(), batches, device=device, on_images=step)
    model.cpu()
    return found


def _examples(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, list[int]]:
    """Positions of the images with the highest, median and lowest probability of their own class."""
    order = np.argsort(-probabilities[np.arange(len(labels)), labels], kind="stable")
    middle = max(0, len(order) // 2 - NUM_EXAMPLES // 2)
    parts = {"best": order[:NUM_EXAMPLES], "median": order[middle : middle + NUM_EXAMPLES], "worst": order[::-1]}
    return {rank: positions[:NUM_EXAMPLES].tolist() for rank, positions in parts.items()}


def _write_reliability(path: Path, bins: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["confidence", "accuracy", "images"])
        writer.writerows(
            [part["mean_confidence"], part["accuracy"], part["num_images"]] for part in bins if part["num_images"]
        )


def _write_pictures(folder: Path, model: ThumbnailClassifier, split: ResidentSplit, positions: list[int]) -> None:
    folder.mkdir(parents=True)
    for position in sorted(set(positions)):
        pixels = split.pixels[position][None].float() / 255
        with torch.inference_mode():
            thumbnail = model.downsampler(pixels)
        for name, image in (("image", pixels), ("thumbnail", thumbnail)):
            cv2.imwrite(str(folder / f"{position}-{name}.png"), to_image(image[0])[..., ::-1])
