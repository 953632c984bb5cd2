"""The records that pass between layers: one image with its objects, one batch, one image's detections.

Coordinates are pixels of the full-resolution input image unless a name says otherwise; boxes are
`xyxy` with x to the right, y down, and the far edge exclusive (width = x2 - x1), as in COCO.
Labels are contiguous, 0 to C - 1, in the order of the data set's class names; the official category ids
live in the data set's annotations only.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageTruth:
    """What is known of one image: its size and its labelled objects, in pixels of the stored image."""

    image_id: int
    width: int
    height: int
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    labels: np.ndarray  # int64 [n], contiguous
    iscrowd: np.ndarray  # bool [n]
    area_px: np.ndarray  # float64 [n]: area of the object's mask, or of its box where there is no mask
    sides_wh_px: np.ndarray | None = None  # float64 [n, 2]: as a COCO file states them; else those of the corners

    @property
    def boxes_xywh_px(self) -> np.ndarray:
        """The boxes as COCO has them, float64 [n, 4]; in floats (x + w) - x is not always w, so stated sides count."""
        return _xywh(self.boxes_xyxy_px, self.sides_wh_px)


@dataclass(frozen=True)
class ImageDetections:
    """What a detector found in one image, in pixels of the stored image; any order, scores in [0, 1]."""

    image_id: int
    boxes_xyxy_px: np.ndarray  # float [n, 4]
    scores: np.ndarray  # float [n]
    labels: np.ndarray  # int64 [n], contiguous
    sides_wh_px: np.ndarray | None = None  # as in `ImageTruth`

    @property
    def boxes_xywh_px(self) -> np.ndarray:
        """As in `ImageTruth`."""
        return _xywh(self.boxes_xyxy_px, self.sides_wh_px)

    def at(self, rows: np.ndarray) -> "ImageDetections":
        """The detections at these positions, in this order."""
        sides = None if self.sides_wh_px is None else self.sides_wh_px[rows]
        return ImageDetections(self.image_id, self.boxes_xyxy_px[rows], self.scores[rows], self.labels[rows], sides)

    def with_positive_sides(self) -> "ImageDetections":
        """Without boxes that end where they begin, which clipping to the frame leaves of boxes beyond it."""
        return self.at(np.flatnonzero((self.boxes_xyxy_px[:, 2:] > self.boxes_xyxy_px[:, :2]).all(axis=1)))


@dataclass
class Batch:
    """Padded images of one training or evaluation step.

    `pixels` is float32 [b, 3, h, w] in [0, 1], RGB, zero where padded; from a loader it comes as uint8 in [0, 255],
    of which `to` makes those floats. `mask` is bool [b, h, w], true on real pixels; `boxes_xyxy_px` and `labels` hold
    one tensor per image, in pixels of the padded canvas (content sits in the top left corner); `image_ids` int64 [b];
    `sizes_wh_px` int64 [b, 2] is the content's size on the canvas; `original_wh_px` int64 [b, 2] is the stored image's
    size, so that detections can be scaled back.
    """

    pixels: Tensor
    mask: Tensor
    boxes_xyxy_px: list[Tensor]
    labels: list[Tensor]
    image_ids: Tensor
    sizes_wh_px: Tensor
    original_wh_px: Tensor
    extra: dict[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device | str, *, channels_last: bool = False) -> "Batch":
        """The same batch on a device, its pixels as floats, optionally in channels-last memory order."""
        pixels = self.pixels.to(device, non_blocking=True)
        pixels = pixels.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        return Batch(
            pixels=pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels,
            mask=self.mask.to(device, non_blocking=True),
            boxes_xyxy_px=[boxes.to(device, non_blocking=True) for boxes in self.boxes_xyxy_px],
            labels=[labels.to(device, non_blocking=True) for labels in self.labels],
            image_ids=self.image_ids,
            sizes_wh_px=self.sizes_wh_px.to(device, non_blocking=True),
            original_wh_px=self.original_wh_px,
            extra={name: tensor.to(device, non_blocking=True) for name, tensor in self.extra.items()},
        )

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, so that copies to a GPU overlap with work."""
        return Batch(
            pixels=self.pixels.pin_memory(),
            mask=self.mask.pin_memory(),
            boxes_xyxy_px=[boxes.pin_memory() for boxes in self.boxes_xyxy_px],
            labels=[labels.pin_memory() for labels in self.labels],
            image_ids=self.image_ids,
            sizes_wh_px=self.sizes_wh_px.pin_memory(),
            original_wh_px=self.original_wh_px,
            extra={name: tensor.pin_memory() for name, tensor in self.extra.items()},
        )

    def __len__(self) -> int:
        return self.pixels.shape[0]


@dataclass
class LabelledImages:
    """Images of one step of a classifier, all of one size, each of one class.

    `pixels` is float32 [b, 3, h, w] in [0, 1], RGB; `labels` int64 [b]; `image_ids` int64 [b].
    """

    pixels: Tensor
    labels: Tensor
    image_ids: Tensor

    @property
    def mask(self) -> Tensor:
        """Bool [b, h, w], true everywhere: there is no padding."""
        return self.pixels.new_ones((len(self), *self.pixels.shape[2:]), dtype=torch.bool)

    def to(self, device: torch.device | str, *, channels_last: bool = False) -> "LabelledImages":
        """The same images on a device, their pixels optionally in channels-last memory order."""
        pixels = self.pixels.to(device, non_blocking=True)
        if channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        return LabelledImages(pixels=pixels, labels=self.labels.to(device, non_blocking=True), image_ids=self.image_ids)

    def __len__(self) -> int:
        return self.pixels.shape[0]


def _xywh(boxes_xyxy: np.ndarray, sides_wh: np.ndarray | None) -> np.ndarray:
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] if sides_wh is None else sides_wh
    return np.concatenate([boxes_xyxy[:, :2], sides], axis=1)
