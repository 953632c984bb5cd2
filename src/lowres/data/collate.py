"""From samples to one `Batch`: zero padding to the right and below, and a mask of what is real."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lowres.data.transforms import Sample
from lowres.records import Batch


@dataclass(frozen=True, kw_only=True)
class Collate:
    """Pads samples to a canvas and packs them into few tensors.

    The canvas is `canvas_wh_px`, or else the largest width and height of the batch; both are rounded up to a
    multiple of `size_divisor` (the model's largest stride times the ratio of its down-sampler). The packed form is
    what crosses from a worker process: bytes, a quarter of the floats that `Batch.to` makes of them, in the order in
    which images are decoded; and the boxes of all images in one tensor, as a tensor per image would cost a file
    descriptor each. `unpack` makes the `Batch`.

    Raises:
        ValueError: a sample is larger than the canvas; names the sizes.
    """

    size_divisor: int
    canvas_wh_px: tuple[int, int] | None = None

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """The packed batch."""
        sizes = np.array([sample.wh_px for sample in samples], np.int64)
        largest = sizes.max(axis=0)
        canvas = np.array(self.canvas_wh_px) if self.canvas_wh_px is not None else largest
        if (largest > canvas).any():
            got, room = "x".join(map(str, largest)), "x".join(map(str, canvas))
            raise ValueError(f"canvas_wh_px is {room}, but the batch needs {got}; enlarge it or shrink long_side_px")
        width, height = (math.ceil(side / self.size_divisor) * self.size_divisor for side in canvas.tolist())
        pixels = np.zeros((len(samples), height, width, 3), np.uint8)
        mask = torch.zeros(len(samples), height, width, dtype=torch.bool)
        for i, (sample, (w, h)) in enumerate(zip(samples, sizes.tolist(), strict=True)):
            pixels[i, :h, :w] = sample.pixels
            mask[i, :h, :w] = True
        return {
            "pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2),
            "mask": mask,
            "boxes": torch.from_numpy(np.concatenate([sample.boxes_xyxy_px for sample in samples])).float(),
            "labels": torch.from_numpy(np.concatenate([sample.labels for sample in samples])),
            "counts": torch.tensor([len(sample.labels) for sample in samples]),
            "image_ids": torch.tensor([sample.image_id for sample in samples]),
            "sizes_wh_px": torch.from_numpy(sizes),
            "original_wh_px": torch.tensor([sample.original_wh_px for sample in samples]),
        }


def unpack(packed: dict[str, Any]) -> Batch:
    """The batch of a packed one; its boxes and labels are views."""
    counts = packed["counts"].tolist()
    return Batch(
        pixels=packed["pixels"],
        mask=packed["mask"],
        boxes_xyxy_px=list(packed["boxes"].split(counts)),
        labels=list(packed["labels"].split(counts)),
        image_ids=packed["image_ids"],
        sizes_wh_px=packed["sizes_wh_px"],
        original_wh_px=packed["original_wh_px"],
    )
