"""Which of the teacher's queries are worth distilling (ThumbDet, Algorithm 1)."""

from jaxtyping import Bool, Float
from torch import Tensor


def query_filter(teacher_scores: Float[Tensor, "b q c"], *, threshold: float) -> Bool[Tensor, "b q"]:
    """True where the teacher's highest class probability exceeds the threshold (in [0, 1]; the paper takes 0.5).

    Algorithm 1 sorts the classes and reads the first; the maximum is the same.
    """
    return teacher_scores.amax(-1) > threshold
