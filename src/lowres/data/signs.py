"""The embedded data set `signs`: rendered street scenes with small traffic signs, written as a COCO folder.

Nothing is downloaded. Scene k of a split is a function of (seed, split, k) alone: splits never share a scene,
and asking for more images leaves the earlier ones as they were. Its bytes are the same on every x86-64 processor with
AVX2; OpenCV rounds otherwise without AVX2, and on ARM.
"""

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lowres.data.signs_glyphs import CLASS_NAMES
from lowres.data.signs_scene import Scene, render_scene

__all__ = ["CLASS_NAMES", "SPLITS", "render_signs", "scene"]

SPLITS: tuple[str, ...] = ("train", "val", "test")
MIN_IMAGE_SIZE_PX = 64
JPEG_QUALITY = 92
IMAGES_WORTH_A_PROCESS = 100


def scene(seed: int, split: str, index: int, image_size_px: int = 256) -> Scene:
    """Scene `index` (from 0) of a split; the same on every call."""
    with _without_ipp():
        return render_scene(np.random.default_rng([seed, SPLITS.index(split), index]), image_size_px)


@contextmanager
def _without_ipp() -> Iterator[None]:
    """Intel's primitives in OpenCV, which round otherwise with AVX-512 than with AVX2, off in this thread."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(used)


def render_signs(
    folder: Path,
    *,
    seed: int,
    num_train: int,
    num_val: int,
    num_test: int,
    image_size_px: int = 256,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Render the splits into `folder/images/SPLIT/00000001.jpg` and `folder/annotations/instances_SPLIT.json`.

    Image and annotation ids count from 1 in each split; category ids are 1 to 8 in the order of CLASS_NAMES.
    Boxes are xywh in image pixels; their long sides are log-uniform from 8 to 60 px in an image of 256 px.
    `on_progress(done, total)` is called after each image. Raises ValueError for a negative count or seed, or an
    image size under 64 px.
    """
    counts = dict(zip(SPLITS, (num_train, num_val, num_test), strict=True))
    for split, count in counts.items():
        if count < 0:
            raise ValueError(f"num_{split}: got {count}; the number of images must be 0 or more")
    if seed < 0:
        raise ValueError(f"seed: got {seed}; it must be 0 or more")
    if image_size_px < MIN_IMAGE_SIZE_PX:
        raise ValueError(f"image_size_px: got {image_size_px}; signs need images of {MIN_IMAGE_SIZE_PX} px or more")
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    total, done = sum(counts.values()), 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, total // IMAGES_WORTH_A_PROCESS)
    with _mapper(workers) as parallel_map:
        for split, count in counts.items():
            images = folder / "images" / split
            images.mkdir(parents=True, exist_ok=True)
            scenes: list[_Signs] = []
            render = functools.partial(_render_one, images, seed, split, image_size_px)
            for signs in parallel_map(render, range(count)):
                scenes.append(signs)
                done += 1
                if on_progress is not None:
                    on_progress(done, total)
            document = _document(scenes, seed, split, image_size_px)
            (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(document), encoding="utf-8")


_Signs = Sequence[tuple[int, tuple[float, float, float, float]]]  # label and box of each sign of one scene


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """`map` over as many processes, in order; in this process where fewer than two would have work."""
    if workers < 2:
        yield map
        return
    with ProcessPoolExecutor(workers) as pool:
        yield functools.partial(pool.map, chunksize=8)


def _file_name(index: int) -> str:
    return f"{index + 1:08d}.jpg"


def _render_one(folder: Path, seed: int, split: str, image_size_px: int, index: int) -> _Signs:
    """Write one scene's image; return its signs."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # on pictures this small, waiting for other threads takes longer than the work
    try:
        rendered = scene(seed, split, index, image_size_px)
        _, coded = cv2.imencode(".jpg", rendered.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    finally:
        cv2.setNumThreads(threads)
    (folder / _file_name(index)).write_bytes(coded.tobytes())
    return [(sign.label, sign.box_xyxy_px) for sign in rendered.signs]


def _document(scenes: Sequence[_Signs], seed: int, split: str, image_size_px: int) -> dict[str, Any]:
    """The COCO document of one split."""
    size = {"width": image_size_px, "height": image_size_px}
    images = [{"id": index + 1, "file_name": _file_name(index), **size} for index in range(len(scenes))]
    annotations: list[dict[str, Any]] = []
    for index, signs in enumerate(scenes):
        for label, box in signs:
            x0, y0, x1, y1 = (round(value, 3) for value in box)
            width, height = round(x1 - x0, 3), round(y1 - y0, 3)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": label + 1,
                    "bbox": [x0, y0, width, height],
                    "area": round(width * height, 3),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name, "supercategory": "sign"} for number, name in enumerate(CLASS_NAMES, 1)]
    info = {"description": "signs: rendered street scenes", "seed": seed, "split": split}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}
