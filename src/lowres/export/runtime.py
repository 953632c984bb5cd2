"""Run an exported detector with ONNX Runtime: images in, detections out. Needs no PyTorch model.

Images go in as they are: the file pads, scales and normalises, but sizing an image as in training is the caller's part
(`metadata["input"]` says how).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors  # pyright: ignore[reportAttributeAccessIssue]

from lowres.export.session import first_line, open_session
from lowres.records import ImageDetections

_FAILED = (ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.RuntimeException)


class OnnxDetector:
    """A session on one file; `threads` is the number of CPU threads that one operator may use.

    Raises ValueError for a file that is missing, damaged, not exported by lowres, or no detector.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._session, self.metadata = open_session(path, threads=threads, task="detection")
        self.path, self.threads = path, threads
        self.class_names: list[str] = json.loads(self.metadata["class_names"])

    @property
    def max_detections(self) -> int:
        """Detections asked for per image when the file was made."""
        return int(self.metadata["max_detections"])

    @property
    def canvas_multiple_px(self) -> int:
        """The file pads sides to multiples of this."""
        return int(self.metadata["canvas_multiple_px"])

    def detect(
        self, images: Sequence[np.ndarray], *, image_ids: Sequence[int] | None = None, batch_size: int = 8
    ) -> list[ImageDetections]:
        """Detections of each uint8 [h, w, 3] RGB image, in its own pixels, best first; ids count from 0 unless given.

        Images of the same size run together, `batch_size` at a time. ValueError for an array that is no image, and for
        an image that gives the model fewer positions than it has queries.
        """
        ids = range(len(images)) if image_ids is None else image_ids
        found: list[ImageDetections | None] = [None] * len(images)
        for positions in same_size_batches(images, batch_size):
            boxes, scores, labels = self._run(np.stack([images[i] for i in positions]))
            for row, position in enumerate(positions):
                found[position] = ImageDetections(int(ids[position]), boxes[row], scores[row], labels[row])
        return [one for one in found if one is not None]

    def _run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            return self._session.run(["boxes", "scores", "labels"], {"pixels": pixels})  # pyright: ignore[reportReturnType]
        except _FAILED as error:
            height, width = pixels.shape[1:3]
            raise ValueError(
                f"{self.path}: cannot run on an image of {width}x{height} px (an image that gives the model fewer "
                f"positions than it has queries is too small; enlarge it): {first_line(error)}"
            ) from error


def same_size_batches(images: Sequence[np.ndarray], batch_size: int) -> Iterator[list[int]]:
    """Positions of images that can be stacked, at most `batch_size` together; ValueError for what is no image."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(
                f"image {position}: need uint8 [height, width, 3] RGB, got {image.dtype} {list(image.shape)}"
            )
        groups[image.shape].append(position)
    for positions in groups.values():
        for start in range(0, len(positions), batch_size):
            yield positions[start : start + batch_size]
