"""Truth and detections on disk, bit for bit, so that results can be evaluated and compared again later.

One npz file each: arrays of all boxes one after the other, and how many of them each image has.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lowres.records import ImageDetections, ImageTruth

_SIDES = "sides_wh_px"


def save_truth(path: Path, truth: Sequence[ImageTruth]) -> None:
    """Write the truth of a split."""
    _save(
        path,
        image_ids=np.array([image.image_id for image in truth], dtype=np.int64),
        counts=np.array([len(image.labels) for image in truth], dtype=np.int64),
        sizes_wh=np.array([(image.width, image.height) for image in truth], dtype=np.int64).reshape(-1, 2),
        boxes_xyxy_px=_joined([image.boxes_xyxy_px.reshape(-1, 4) for image in truth], np.zeros((0, 4))),
        labels=_joined([image.labels for image in truth], np.zeros(0, dtype=np.int64)),
        iscrowd=_joined([image.iscrowd for image in truth], np.zeros(0, dtype=bool)),
        area_px=_joined([image.area_px for image in truth], np.zeros(0)),
        **_stated_sides(truth),
    )


def read_truth(path: Path) -> list[ImageTruth]:
    """What `save_truth` wrote; `ValueError` for a file that is missing or damaged."""
    names = ("image_ids", "counts", "sizes_wh", "boxes_xyxy_px", "labels", "iscrowd", "area_px")
    ids, counts, sizes, *columns = _read(path, names)
    parts = [_split(column, counts) for column in columns]
    return [
        ImageTruth(image_id, width, height, boxes, labels, iscrowd, area, *sides)
        for image_id, (width, height), boxes, labels, iscrowd, area, *sides in zip(
            ids.tolist(), sizes.tolist(), *parts, strict=True
        )
    ]


def save_detections(path: Path, detections: Sequence[ImageDetections]) -> None:
    """Write the detections of a split."""
    _save(
        path,
        image_ids=np.array([image.image_id for image in detections], dtype=np.int64),
        counts=np.array([len(image.labels) for image in detections], dtype=np.int64),
        boxes_xyxy_px=_joined([image.boxes_xyxy_px.reshape(-1, 4) for image in detections], np.zeros((0, 4))),
        scores=_joined([image.scores for image in detections], np.zeros(0)),
        labels=_joined([image.labels for image in detections], np.zeros(0, dtype=np.int64)),
        **_stated_sides(detections),
    )


def read_detections(path: Path) -> list[ImageDetections]:
    """What `save_detections` wrote; `ValueError` for a file that is missing or damaged."""
    ids, counts, *columns = _read(path, ("image_ids", "counts", "boxes_xyxy_px", "scores", "labels"))
    parts = [_split(column, counts) for column in columns]
    return [
        ImageDetections(image_id, boxes, scores, labels, *sides)
        for image_id, boxes, scores, labels, *sides in zip(ids.tolist(), *parts, strict=True)
    ]


def _save(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _stated_sides(images: Sequence[ImageTruth] | Sequence[ImageDetections]) -> dict[str, np.ndarray]:
    if all(image.sides_wh_px is None for image in images):
        return {}
    return {_SIDES: np.concatenate([image.boxes_xywh_px[:, 2:] for image in images])}


def _read(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """These arrays, and the sides where they were stated."""
    if not path.is_file():
        raise ValueError(f"{path}: missing; run the evaluate stage again, it writes what can be compared")
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in (*names, *({_SIDES} & set(file.files)))]
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: damaged ({type(error).__name__}); run the evaluate stage again") from error


def _joined(parts: Sequence[np.ndarray], nothing: np.ndarray) -> np.ndarray:
    return np.concatenate(parts) if parts else nothing


def _split(column: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    return np.split(column, np.cumsum(counts)[:-1]) if len(counts) else []
