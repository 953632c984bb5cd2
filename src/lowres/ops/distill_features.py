"""Distance between backbone maps of teacher and student (ThumbDet, eq. 8)."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Distance = Literal["mse", "normalised_mse", "cosine"]
Resize = Literal["student", "teacher"]


def feature_distance(
    student: Sequence[Float[Tensor, "b _ _ _"]],
    teacher: Sequence[Float[Tensor, "b _ _ _"]],
    mask: Bool[Tensor, "b h w"],
    *,
    distance: Distance,
    resize: Resize,
) -> Float[Tensor, ""]:
    """Mean over levels of the distance of maps, finest first; both have the same channels level by level.

    `mask` is true on the real pixels of the canvas, a rectangle in its top left corner; a position counts if any pixel
    under it is real, so that padding, which is most of a batch of one wide and one tall image, teaches nothing.
    `mse` with `resize="student"` is eq. 8: the student's map is brought to the teacher's size by linear interpolation,
    then squared differences are averaged. `resize="teacher"` shrinks the teacher's map to the student's size instead
    (area averages where it is larger). `normalised_mse` brings each map to zero mean and unit deviation per image and
    channel first, so that levels and channels of any scale count alike; `cosine` compares directions per position.
    Raises ValueError where channels differ.
    """
    losses = []
    for level, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        if ours.shape[1] != theirs.shape[1]:
            raise ValueError(
                f"feature distillation: level {level} has {ours.shape[1]} channels in the student and "
                f"{theirs.shape[1]} in the teacher; use the same backbone, or remove `feature` from distill.terms"
            )
        if resize == "student":
            aligned, target = _resized(ours, theirs), theirs
        else:
            aligned, target = ours, _resized(theirs, ours)
        # Content lies in the top left corner: the first pixel under a position, which is the nearest, tells.
        real = F.interpolate(mask[:, None].to(target.dtype), size=target.shape[-2:], mode="nearest")
        losses.append(_DISTANCES[distance](aligned, target, real))
    return torch.stack(losses).mean()


def _resized(source: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    if source.shape[-2:] == size:
        return source
    if source.shape[-2] >= size[0] and source.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(source, (int(size[0]), int(size[1])))
    return F.interpolate(source, size=size, mode="bilinear", align_corners=False)


def _mse(ours: Tensor, theirs: Tensor, real: Tensor) -> Tensor:
    return _mean((ours - theirs).square().mean(dim=1, keepdim=True), real, dim=(0, 2, 3)).squeeze()


def _normalised_mse(ours: Tensor, theirs: Tensor, real: Tensor) -> Tensor:
    return _mse(_standardised(ours, real), _standardised(theirs, real), real)


def _standardised(maps: Tensor, real: Tensor) -> Tensor:
    centred = maps - _mean(maps, real, dim=(2, 3))
    return centred * torch.rsqrt(_mean(centred.square(), real, dim=(2, 3)) + 1e-5)


def _cosine(ours: Tensor, theirs: Tensor, real: Tensor) -> Tensor:
    return _mean(1 - F.cosine_similarity(ours, theirs, dim=1)[:, None], real, dim=(0, 2, 3)).squeeze()


def _mean(values: Tensor, real: Tensor, *, dim: tuple[int, ...]) -> Tensor:
    """Over the real positions; 0 where there is none."""
    return (values * real).sum(dim, keepdim=True) / real.sum(dim, keepdim=True).clamp(min=1)


_DISTANCES = {"mse": _mse, "normalised_mse": _normalised_mse, "cosine": _cosine}
