"""Distillation of class probabilities at a temperature (arXiv:1503.02531), for classifiers with a softmax."""

import torch
from jaxtyping import Float
from torch import Tensor

from lowres.ops.distill_logits import softmax_kl


def temperature_kl(
    student_logits: Float[Tensor, "b c"], teacher_logits: Float[Tensor, "b k"], *, temperature: float
) -> Float[Tensor, ""]:
    """T^2 KL(teacher || student) of softmaxes at temperature T, averaged over the batch, in nats; 0 for no images.

    T^2 keeps the size of the gradient as T changes (section 2), where `softmax_kl` follows ThumbDet, which has no such
    factor. Computed in float32 or wider. Raises ValueError for a temperature that is not positive, and where the
    numbers of classes differ.
    """
    if not temperature > 0:
        raise ValueError(f"logit distillation: temperature {temperature} is not positive; Hinton et al. use 1 to 20")
    if student_logits.shape[1] != teacher_logits.shape[1]:
        raise ValueError(
            f"logit distillation: the student has {student_logits.shape[1]} classes and the teacher "
            f"{teacher_logits.shape[1]}; train both on the same classes"
        )
    wide = torch.promote_types(student_logits.dtype, torch.float32)
    return temperature**2 * softmax_kl(student_logits.to(wide), teacher_logits.to(wide), temperature=temperature)
