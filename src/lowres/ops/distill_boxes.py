"""Distance between boxes of paired queries: the detector's own box loss, with the teacher's boxes as truth."""

from jaxtyping import Float
from torch import Tensor

from lowres.ops.boxes import giou


def box_distance(
    student_xyxy_frac: Float[Tensor, "n 4"],
    teacher_xyxy_frac: Float[Tensor, "n 4"],
    *,
    l1_weight: float = 5.0,
    giou_weight: float = 2.0,
) -> Float[Tensor, ""]:
    """Weighted L1 and (1 - generalised IoU), averaged over pairs; boxes as fractions of the canvas; 0 for no pairs.

    The default weights are the ones of Deformable-DETR's detection loss.
    """
    if student_xyxy_frac.shape[0] == 0:
        return student_xyxy_frac.sum() * 0.0
    l1 = (student_xyxy_frac - teacher_xyxy_frac).abs().sum(-1)
    return (l1_weight * l1 + giou_weight * (1 - giou(student_xyxy_frac, teacher_xyxy_frac))).mean()
