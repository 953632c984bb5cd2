"""Pairing the teacher's kept queries with the student's queries.

ThumbDet pairs by index, which means something only while query i of both detectors looks for the same objects: shared
weights and learned queries. Two-stage detectors choose their queries anew for each image, so we also pair by
content: a one-to-one assignment of least cost, with the matching cost of the detectors themselves (arXiv:2005.12872,
section 3.1) and the teacher's predictions in the place of the truth.
"""

import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lowres.ops.boxes import pairwise_giou

Pairs = tuple[Int[Tensor, " n"], Int[Tensor, " n"], Int[Tensor, " n"]]  # image, student's query, teacher's query


def pair_by_index(keep: Bool[Tensor, "b q"]) -> Pairs:
    """Query i of the student with query i of the teacher, where the teacher's is kept (Algorithm 1, step 2)."""
    image, query = keep.nonzero(as_tuple=True)
    return image, query, query


@torch.no_grad()
def pair_by_assignment(
    keep: Bool[Tensor, "b t"],
    *,
    student_scores: Float[Tensor, "b s c"],
    teacher_scores: Float[Tensor, "b t c"],
    student_xyxy_frac: Float[Tensor, "b s 4"],
    teacher_xyxy_frac: Float[Tensor, "b t 4"],
    class_cost: float = 2.0,
    l1_cost: float = 5.0,
    giou_cost: float = 2.0,
) -> Pairs:
    """One-to-one pairs of least total cost within each image; every kept query of the teacher gets a student's query.

    Where the teacher keeps more queries than the student has, the cheapest are paired. Boxes are fractions of the
    canvas. The class cost is the mean absolute difference of the class probabilities at the teacher's best class.
    """
    images, ours, theirs = [], [], []
    for image in range(keep.shape[0]):
        kept = keep[image].nonzero(as_tuple=True)[0]
        if kept.numel() == 0:
            continue
        best, best_class = teacher_scores[image, kept].max(-1)
        of_class = (student_scores[image][:, best_class] - best).abs()
        boxes, targets = student_xyxy_frac[image], teacher_xyxy_frac[image, kept]
        l1 = torch.cdist(boxes, targets, p=1)
        cost = class_cost * of_class + l1_cost * l1 - giou_cost * pairwise_giou(boxes, targets)
        rows, columns = linear_sum_assignment(cost.float().cpu().numpy())
        images.append(torch.full((len(rows),), image, dtype=torch.int64, device=keep.device))
        ours.append(torch.as_tensor(rows, device=keep.device))
        theirs.append(kept[torch.as_tensor(columns, device=keep.device)])
    if not images:
        empty = torch.zeros(0, dtype=torch.int64, device=keep.device)
        return empty, empty, empty
    return torch.cat(images), torch.cat(ours), torch.cat(theirs)
