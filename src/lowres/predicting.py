"""What `lowres predict` and `lowres benchmark` do."""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lowres.api import benchmark, find_images, load
from lowres.data.images import decode_photo
from lowres.data.shards import ShardReader
from lowres.evaluation.latency import STEPS
from lowres.loaded.model import ShowsThumbnail
from lowres.loaded.showing import showing_of
from lowres.stages.progress import counting


def predict_files(model: str, images: str, *, out: Path, threshold: float | None, thumbnails: bool) -> None:
    """Draw what is found in every image and write `predictions.json`; unreadable images are listed and counted.

    ValueError for an option that the model's task or form does not have.
    """
    loaded = load(model)
    showing = showing_of(loaded.task, threshold=threshold)
    if thumbnails and not isinstance(loaded, ShowsThumbnail):
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
            shown = showing.show(loaded, pixels)
            # The suffix stays in the name: street.jpg and street.png are two images.
            name = path.resolve().relative_to(root)
            target = out / name.with_name(f"{name.name}.jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, shown.picture)
            if thumbnails and isinstance(loaded, ShowsThumbnail):
                _write(target.with_suffix(".thumbnail.png"), loaded.thumbnail(pixels))
            results.append({"file": str(path), "drawn": str(target), **shown.entry})
            step(done, len(files))
    (out / "predictions.json").write_text(json.dumps({"images": results, "refused": refused}, indent=2) + "\n")
    print(f"{showing.summary(results)}: {out}/predictions.json")
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
        lines.append(f"parameters {facts['parameters']:,}   multiply-adds {facts['multiply_adds'] / 1e9:.4g} G")
        lines.append(f"peak memory of the process {facts['peak_memory_bytes'] / 1e6:.0f} MB")
    lines.append(f"{'step':12s}{'p50 ms':>10s}{'p99 ms':>10s}")
    for name in (*STEPS, "total"):
        step = facts["latency"][name]
        lines.append(f"{name:12s}{step['p50_ms']:10.2f}{step['p99_ms']:10.2f}")
    return "\n".join(lines)
