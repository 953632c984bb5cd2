"""From samples to one `Batch`: zero padding to the right and below, and a mask of what is real."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.multiprocessing.reductions import shared_cache

from lowres.data.transforms import Sample
from lowres.records import Batch

Canvas = TypeVar("Canvas", np.ndarray, Tensor)


class Packed(NamedTuple):
    """A batch on its way from a worker.

    One tensor, as each costs a connection between the processes and a file descriptor; the rest are arrays, which are
    pickled. `canvas` holds the pixels uint8 [b, h, w, 3], a quarter of the floats that `Batch.to` makes of them, in the
    order in which images are decoded, and then the mask [b, h, w].
    """

    canvas: Tensor  # uint8, flat
    shape: tuple[int, int, int]  # b, h, w
    boxes_xyxy_px: np.ndarray  # float32 [sum of n, 4]
    labels: np.ndarray  # int64 [sum of n]
    counts: list[int]  # n of each image
    image_ids: np.ndarray  # int64 [b]
    sizes_wh_px: np.ndarray  # int64 [b, 2]
    original_wh_px: np.ndarray  # int64 [b, 2]


@dataclass(frozen=True, kw_only=True)
class Collate:
    """Pads samples to a canvas and packs them; `unpack` makes the `Batch`.

    The canvas is `canvas_wh_px`, or else the largest width and height of the batch; both are rounded up to a
    multiple of `size_divisor` (the model's largest stride times the ratio of its down-sampler).

    Raises:
        ValueError: a sample is larger than the canvas; names the sizes.
    """

    size_divisor: int
    canvas_wh_px: tuple[int, int] | None = None

    def __call__(self, samples: Sequence[Sample]) -> Packed:
        """The packed batch."""
        _forget_dead_storages()
        sizes = np.array([sample.wh_px for sample in samples], np.int64)
        largest = sizes.max(axis=0)
        canvas = np.array(self.canvas_wh_px) if self.canvas_wh_px is not None else largest
        if (largest > canvas).any():
            got, room = "x".join(map(str, largest)), "x".join(map(str, canvas))
            raise ValueError(f"canvas_wh_px is {room}, but the batch needs {got}; enlarge it or shrink long_side_px")
        width, height = (math.ceil(side / self.size_divisor) * self.size_divisor for side in canvas.tolist())
        shape = (len(samples), height, width)
        padded = np.zeros(4 * math.prod(shape), np.uint8)
        pixels, mask = _views(padded, shape)
        for i, (sample, (w, h)) in enumerate(zip(samples, sizes.tolist(), strict=True)):
            pixels[i, :h, :w] = sample.pixels
            mask[i, :h, :w] = 1
        return Packed(
            canvas=torch.from_numpy(padded),
            shape=shape,
            boxes_xyxy_px=np.concatenate([sample.boxes_xyxy_px for sample in samples]).astype(np.float32),
            labels=np.concatenate([sample.labels for sample in samples]),
            counts=[len(sample.labels) for sample in samples],
            image_ids=np.array([sample.image_id for sample in samples], np.int64),
            sizes_wh_px=sizes,
            original_wh_px=np.array([sample.original_wh_px for sample in samples], np.int64),
        )


def unpack(packed: Packed) -> Batch:
    """The batch of a packed one; its pixels, boxes and labels are views."""
    _forget_dead_storages()
    pixels, mask = _views(packed.canvas, packed.shape)
    return Batch(
        pixels=pixels.permute(0, 3, 1, 2),
        mask=mask.view(torch.bool),
        boxes_xyxy_px=list(torch.from_numpy(packed.boxes_xyxy_px).split(packed.counts)),
        labels=list(torch.from_numpy(packed.labels).split(packed.counts)),
        image_ids=torch.from_numpy(packed.image_ids),
        sizes_wh_px=torch.from_numpy(packed.sizes_wh_px),
        original_wh_px=torch.from_numpy(packed.original_wh_px),
    )


def _views(canvas: Canvas, shape: tuple[int, int, int]) -> tuple[Canvas, Canvas]:
    """The pixels [b, h, w, 3] and the mask [b, h, w] of a packed canvas."""
    cut = 3 * math.prod(shape)
    return canvas[:cut].reshape((*shape, 3)), canvas[cut:].reshape(shape)


def _forget_dead_storages() -> None:
    """Let go of what is left of tensors that went from one process to another.

    PyTorch remembers the last 128 of them on either side, some bytes each, which may lie between the batches in memory
    and keep the room of 128 batches from being used again: 1.6 GB for 16 images of 256 px.
    """
    with shared_cache.lock:
        shared_cache.free_dead_references()
