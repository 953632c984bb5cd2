"""What `lowres predict` and `lowres benchmark` do."""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from lowres.api import TorchDetector, benchmark, find_images, load
from lowres.data.images import decode_photo
from lowres.data.shards import ShardReader
from lowres.evaluation.latency import STEPS
from lowres.report.draw import draw_boxes
from lowres.stages.downsampler import to_image
from lowres.stages.measuring.one_image import Decoded
from lowres.stages.progress import counting


def predict_files(model: str, images: str, *, out: Path, threshold: float, thumbnails: bool) -> None:
    """Draw detections on every image and write `predictions.json`; unreadable images are listed and counted."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"--threshold is {threshold}; it must be from 0 to 1")
    detector = load(model)
    if thumbnails and not isinstance(detector, TorchDetector):
        raise ValueError("--thumbnails needs a model folder: an ONNX file keeps its thumbnail inside")
    here = out.resolve()
    files = [path for path in find_images(images) if here not in path.resolve().parents]  # not what we drew before
    if not files:
        raise ValueError(f"{images}: every image there lies in --out {out}; choose another folder for the results")
    root = Path(os.path.commonpath([path.parent.resolve() for path in files]))
    out.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    with counting("predict", len(files)) as step:
        for done, path in enumerate(files, start=1):
            try:
                pixels = decode_photo(path.read_bytes())
            except (ValueError, OSError) as error:
                refused.append({"file": str(path), "reason": str(error)})
                continue
            found = detector.detect_one(pixels)
            kept = found.scores >= threshold
            boxes, scores, labels = found.boxes_xyxy_px[kept], found.scores[kept], found.labels[kept]
            drawn = draw_boxes(pixels, boxes, labels, detector.class_names, scores=scores)
            # The suffix stays in the name: street.jpg and street.png are two images.
            name = path.resolve().relative_to(root)
            target = out / name.with_name(f"{name.name}.jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, drawn)
            if thumbnails and isinstance(detector, TorchDetector):
                batch = Decoded.of(pixels, detector.spec.input).batch
                with torch.inference_mode():
                    thumbnail, _ = detector.model.shrink(batch.pixels, batch.mask)
                _write(target.with_suffix(".thumbnail.png"), to_image(thumbnail[0]))
            results.append(
                {
                    "file": str(path),
                    "drawn": str(target),
                    "detections": [
                        {
                            "class": detector.class_names[label],
                            "label": int(label),
                            "score": round(float(score), 5),
                            "box_xyxy_px": [round(float(v), 2) for v in box],
                        }
                        for box, score, label in zip(boxes, scores, labels, strict=True)
                    ],
                }
            )
            step(done, len(files))
    (out / "predictions.json").write_text(json.dumps({"images": results, "refused": refused}, indent=2) + "\n")
    boxes_found = sum(len(result["detections"]) for result in results)
    print(f"{len(results)} images, {boxes_found} boxes of score {threshold:g} and more: {out}/predictions.json")
    if refused:
        print(f"{len(refused)} could not be read, the first: {refused[0]['file']}: {refused[0]['reason']}")
    if not results:
        raise ValueError(f"{images}: none of the {len(files)} images could be read")


def _write(path: Path, pixels: np.ndarray) -> None:
    if not cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., ::-1])):
        raise OSError(f"{path}: the image could not be written")


def benchmark_table(model: str, images: str, *, data: Path, repeats: int) -> str:
    """The cost table as text."""
    if images:
        encoded = [path.read_bytes() for path in find_images(images)[:16]]
    elif (data / "test").is_dir():
        reader = ShardReader(data / "test", verify=False)
        encoded = [bytes(reader[position]) for position in range(min(16, len(reader)))]
    else:
        raise ValueError("--images: give some, or prepare data first")
    facts = benchmark(model, encoded, repeats=repeats)
    machine = facts["machine"]
    lines = [f"{model}: batch 1, {facts['threads']} threads, {machine['cpu']}, torch {machine['torch']}"]
    if "parameters" in facts:
        lines.append(f"parameters {facts['parameters']:,}   multiply-adds {facts['multiply_adds'] / 1e9:.3f} G")
        lines.append(f"peak memory of the process {facts['peak_memory_bytes'] / 1e6:.0f} MB")
    lines.append(f"{'step':12s}{'p50 ms':>10s}{'p99 ms':>10s}")
    for name in (*STEPS, "total"):
        step = facts["latency"][name]
        lines.append(f"{name:12s}{step['p50_ms']:10.2f}{step['p99_ms']:10.2f}")
    return "\n".join(lines)
