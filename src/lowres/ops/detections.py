"""From queries to detections: the best (query, class) pairs of each image."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def top_detections(
    scores: Float[Tensor, "b q c"], boxes_xyxy_px: Float[Tensor, "b q 4"], *, count: int
) -> tuple[Float[Tensor, "b k"], Int[Tensor, "b k"], Float[Tensor, "b k 4"]]:
    """The `count` highest scores over queries and classes together, with their classes and boxes, best first.

    This is the post-processing of Deformable-DETR and its kin: one query may answer for several classes. `count` is
    cut to the number of pairs there are.
    """
    classes = scores.shape[2]
    best, index = scores.flatten(1).topk(min(count, scores.shape[1] * classes), dim=1)
    query = torch.div(index, classes, rounding_mode="floor")
    boxes = boxes_xyxy_px.gather(1, query[..., None].expand(-1, -1, 4))
    return best, index % classes, boxes
