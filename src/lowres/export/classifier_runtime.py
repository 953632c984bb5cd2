"""Run an exported classifier with ONNX Runtime: images in, class probabilities out. Needs no PyTorch model.

Images go in at the network's size (`side_px`); bringing them to it as in training is the caller's part
(`metadata["input"]` says how).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from lowres.export.session import open_session

THUMBNAIL_FILE = "thumbnail.onnx"  # beside a file that shrinks: the same network for images that are thumbnails already


class OnnxClassifier:
    """A session on one file; `threads` is the number of CPU threads that one operator may use.

    Raises ValueError for a file that is missing, damaged, not exported by lowres, or no classifier.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._session, self.metadata = open_session(path, threads=threads, task="classification")
        self.path, self.threads = path, threads
        self.class_names: list[str] = json.loads(self.metadata["class_names"])

    @property
    def side_px(self) -> int:
        """The side of the squares that the file reads."""
        return int(self._session.get_inputs()[0].shape[1])

    def classify(self, images: Sequence[np.ndarray], *, batch_size: int = 64) -> Float32[np.ndarray, "n c"]:
        """Class probabilities of each uint8 [side, side, 3] RGB image, `batch_size` at a time; else ValueError."""
        side = self.side_px
        for position, image in enumerate(images):
            if image.dtype != np.uint8 or image.shape != (side, side, 3):
                raise ValueError(
                    f"image {position}: need uint8 [{side}, {side}, 3] RGB, got {image.dtype} {list(image.shape)}; "
                    f"resize it to {side} x {side} px first"
                )
        found = [np.zeros((0, len(self.class_names)), np.float32)]
        for start in range(0, len(images), batch_size):
            pixels = np.stack(images[start : start + batch_size])
            found += self._session.run(["probabilities"], {"pixels": pixels})  # pyright: ignore[reportArgumentType, reportOperatorIssue]
        return np.concatenate(found)
