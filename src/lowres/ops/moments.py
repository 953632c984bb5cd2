"""Moment matching between an image and its thumbnail (ThumbDet, section 3.3, eq. 5)."""

from jaxtyping import Bool, Float
from torch import Tensor


def moment_matching_loss(
    image: Float[Tensor, "b 3 h w"],
    image_mask: Bool[Tensor, "b h w"],
    thumbnail: Float[Tensor, "b 3 i j"],
    thumbnail_mask: Bool[Tensor, "b i j"],
    *,
    deviation_weight: float,
) -> Float[Tensor, ""]:
    """Squared distance of channel means plus `deviation_weight` (lambda) times that of channel deviations.

    Eq. 5, per image, then averaged over images. The paper calls the second moment sigma: we take the standard
    deviation (the public code takes the variance). Pixels in [0, 1]; padded pixels do not count.
    """
    mean_image, deviation_image = _moments(image, image_mask)
    mean_thumbnail, deviation_thumbnail = _moments(thumbnail, thumbnail_mask)
    means = (mean_image - mean_thumbnail).square()
    deviations = (deviation_image - deviation_thumbnail).square()
    return (means + deviation_weight * deviations).mean()


def _moments(pixels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    pixels = pixels.float()  # bfloat16 cannot count thousands of pixels
    weight = mask[:, None].float()
    count = weight.sum((2, 3)).clamp(min=1)
    mean = (pixels * weight).sum((2, 3)) / count
    variance = ((pixels - mean[..., None, None]).square() * weight).sum((2, 3)) / count
    # The small constant keeps the root's gradient finite on a flat image.
    return mean, (variance + 1e-12).sqrt()
