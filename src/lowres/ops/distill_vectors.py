"""Distances between feature vectors of student and teacher, one vector per image (DFD, eq. 1; and what came after it).

All are computed in float32 or wider, under bfloat16 autocast too; 0 for a batch too small to have a distance.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def squared_distance(student: Float[Tensor, "b d"], teacher: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
    """Half the squared Euclidean distance per image, a sum over features, averaged over the batch (DFD, eq. 1).

    Raises ValueError where the numbers of features differ.
    """
    student, teacher = _comparable(student, teacher)
    if student.shape[0] == 0:
        return student.sum() * 0.0
    return 0.5 * (student - teacher).square().sum(dim=1).mean()


def mean_squared_distance(student: Float[Tensor, "b d"], teacher: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
    """Half the mean of squared differences: eq. 1 of DFD over the number of features, so that a weight means the same
    for 256 features and for 512.

    Raises ValueError where the numbers of features differ.
    """
    return squared_distance(student, teacher) / student.shape[1]


def cosine_distance(student: Float[Tensor, "b d"], teacher: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
    """One minus the cosine of each image's two vectors, averaged over the batch; 0 is one direction, 2 the opposite.

    A vector of zeros has no direction and counts as 1. Raises ValueError where the numbers of features differ.
    """
    student, teacher = _comparable(student, teacher)
    if student.shape[0] == 0:
        return student.sum() * 0.0
    return (1 - F.cosine_similarity(student, teacher, dim=1)).mean()


def relational_distance(
    student: Float[Tensor, "b d"], teacher: Float[Tensor, "b e"], *, angle_weight: float = 2.0
) -> Float[Tensor, ""]:
    """Distances plus `angle_weight` times angles within the batch: RKD (arXiv:1904.05068, section 3.2).

    Compared by Huber's loss with delta 1: for each pair of images the distance of their vectors over the batch's mean
    distance (3.2.1), so that scale does not count; for each triplet the cosine of the angle at its middle image
    (3.2.2). The paper sums over pairs and triplets of distinct images; we average, so that the batch size does not
    change the weight. Its weights of distances and angles are 1 to 2. Where two vectors coincide there is no angle, and
    the cosine counts as 0. Pairs need two images, triplets three: with fewer the part is 0. Time and memory grow with
    the cube of the batch. Raises ValueError where the numbers of features differ.
    """
    student, teacher = _comparable(student, teacher)
    count, pairs = student.shape[0], student.shape[0] * (student.shape[0] - 1)
    if pairs == 0:
        return student.sum() * 0.0
    # Angles from inner products need no tensor of b x b x d; float64 keeps what the subtraction of products cancels.
    ours, theirs = student.double(), teacher.double()
    our_lengths, their_lengths = _lengths(ours), _lengths(theirs)
    loss = F.smooth_l1_loss(_over_mean(our_lengths), _over_mean(their_lengths), reduction="sum") / pairs
    if angle_weight and count > 2:
        our_cosines, their_cosines = _cosines(ours, our_lengths), _cosines(theirs, their_lengths)
        angles = F.smooth_l1_loss(our_cosines, their_cosines, reduction="sum") / (pairs * (count - 2))
        loss = loss + angle_weight * angles
    return loss.to(student.dtype)


def _comparable(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    if student.shape[1] != teacher.shape[1]:
        raise ValueError(
            f"feature distillation: the student has {student.shape[1]} features and the teacher {teacher.shape[1]}; "
            "use the same family and width for both, or distil logits"
        )
    assert student.shape[0] == teacher.shape[0], "student and teacher see the same images"
    wide = torch.promote_types(student.dtype, torch.float32)
    return student.to(wide), teacher.to(wide)


def _lengths(vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b b"]:
    # By differences, not products: exactly 0 where vectors coincide, with a gradient of 0 there.
    return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")


def _over_mean(lengths: Float[Tensor, "b b"]) -> Float[Tensor, "b b"]:
    count = lengths.shape[0]
    return lengths / (lengths.sum() / (count * (count - 1))).clamp(min=1e-12)


def _cosines(vectors: Float[Tensor, "b d"], lengths: Float[Tensor, "b b"]) -> Float[Tensor, "b b b"]:
    """[j, i, k] is the cosine of the angle at j between i and k; 0 where they are not three distinct images."""
    centred = vectors - vectors.mean(dim=0)
    products = centred @ centred.T
    # (x_i - x_j) (x_k - x_j), multiplied out
    dots = products - products[:, :, None] - products[:, None, :] + products.diagonal()[:, None, None]
    inverse = torch.where(lengths > 0, 1 / lengths.clamp(min=1e-12), 0.0)
    distinct = ~torch.eye(lengths.shape[0], dtype=torch.bool, device=lengths.device)
    return dots * inverse[:, :, None] * inverse[:, None, :] * distinct
