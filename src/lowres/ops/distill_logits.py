"""Distances between class logits of paired queries (ThumbDet, eq. 6-7; and a form that fits sigmoid heads)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def softmax_kl(
    student_logits: Float[Tensor, "n c"], teacher_logits: Float[Tensor, "n c"], *, temperature: float
) -> Float[Tensor, ""]:
    """KL(teacher || student) of softmaxes at a temperature, averaged over pairs (eq. 6-7); 0 for no pairs.

    As in the paper there is no factor T squared. The softmax is taken over logits.
    """
    if student_logits.shape[0] == 0:
        return student_logits.sum() * 0.0
    student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=-1)
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def sigmoid_kl(
    student_logits: Float[Tensor, "n c"], teacher_logits: Float[Tensor, "n c"], *, temperature: float
) -> Float[Tensor, ""]:
    """Sum over classes of the binary KL(teacher || student), averaged over pairs; 0 for no pairs.

    Each class is its own yes-or-no question in detectors trained with a focal loss, so each keeps its own distribution.
    """
    if student_logits.shape[0] == 0:
        return student_logits.sum() * 0.0
    teacher = torch.sigmoid(teacher_logits / temperature)
    student_logits = student_logits / temperature
    teacher_logits = teacher_logits / temperature
    cross = F.binary_cross_entropy_with_logits(student_logits, teacher, reduction="none")
    own = F.binary_cross_entropy_with_logits(teacher_logits, teacher, reduction="none")
    return (cross - own).sum(-1).mean()
