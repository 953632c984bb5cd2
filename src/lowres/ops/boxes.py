"""Boxes as tensors: forms, intersection over union and its generalised form.

Two forms: `xyxy` (left, top, right, bottom) and `cxcywh` (centre, width, height); any unit, the same for both.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def xyxy_to_cxcywh(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Corners to centre and size."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=-1)


def cxcywh_to_xyxy(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Centre and size to corners."""
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], dim=-1)


def area(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    """Area of xyxy boxes; negative sides count as zero."""
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)


def pairwise_iou(first: Float[Tensor, "n 4"], second: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """Intersection over union of every pair of xyxy boxes, in [0, 1]; 0 where the union is empty."""
    return iou(first[:, None], second[None])


def iou(first: Float[Tensor, "*n 4"], second: Float[Tensor, "*m 4"]) -> Float[Tensor, "*p"]:
    """Intersection over union of corresponding xyxy boxes, in [0, 1]; 0 where the union is empty."""
    overlap, union = _overlap_and_union(first, second)
    return overlap / union.clamp(min=torch.finfo(union.dtype).tiny)


def pairwise_giou(first: Float[Tensor, "n 4"], second: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """Generalised IoU of every pair of xyxy boxes (arXiv:1902.09630, eq. 1), in [-1, 1]."""
    return _giou(first[:, None], second[None])


def giou(first: Float[Tensor, "n 4"], second: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
    """Generalised IoU of corresponding xyxy boxes (arXiv:1902.09630, eq. 1), in [-1, 1]."""
    return _giou(first, second)


def _overlap_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    sides = (high - low).clamp(min=0)
    overlap = sides[..., 0] * sides[..., 1]
    return overlap, area(first) + area(second) - overlap


def _giou(first: Tensor, second: Tensor) -> Tensor:
    overlap, union = _overlap_and_union(first, second)
    sides = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    hull = sides[..., 0] * sides[..., 1]
    tiny = torch.finfo(hull.dtype).tiny
    return overlap / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)
