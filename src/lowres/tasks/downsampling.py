"""Training a down-sampler alone: stage one of ThumbDet's Algorithm 2."""

from torch import Tensor, nn

from lowres.models.downsamplers import FixedDownsampler, shrink_mask, thumbnails
from lowres.ops.moments import moment_matching_loss
from lowres.records import Batch


class DownsamplingTask(nn.Module):
    """Terms `moment` (eq. 5) and `bicubic` (mean squared distance to bicubic thumbnails), of the three colours.

    The second is ours: moments alone fix six numbers of an image and leave the module free to scramble the rest.
    """

    def __init__(self, downsampler: nn.Module, *, terms: set[str], deviation_weight: float) -> None:
        super().__init__()
        unknown = terms - {"moment", "bicubic"}
        if unknown:
            raise ValueError(f"downsampler.terms: {sorted(unknown)} unknown; use moment, bicubic")
        self.model = downsampler
        self.terms = terms
        self.deviation_weight = deviation_weight
        ratio = int(downsampler.ratio)  # pyright: ignore[reportArgumentType]
        self.reference = FixedDownsampler(kind="bicubic", ratio=ratio)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw terms of one batch."""
        thumbnail = thumbnails(self.model, batch.pixels)[:, :3]
        mask = shrink_mask(batch.mask, self.reference.ratio)
        losses: dict[str, Tensor] = {}
        if "moment" in self.terms:
            losses["moment"] = moment_matching_loss(
                batch.pixels, batch.mask, thumbnail, mask, deviation_weight=self.deviation_weight
            )
        if "bicubic" in self.terms:
            difference = (thumbnail - self.reference(batch.pixels)).square() * mask[:, None]
            losses["bicubic"] = difference.sum() / (3 * mask.sum().clamp(min=1))
        return losses
