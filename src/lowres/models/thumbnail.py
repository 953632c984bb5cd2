"""A detector that sees only thumbnails: what the project ships.

Called like a detector on full-resolution pixels; boxes come back in pixels of that input. Inside: down-sampler, then
the detector on the thumbnail. With the identity down-sampler it is the full-resolution detector itself.
"""

from dataclasses import replace

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lowres.models.detr import DetectorOutput, DetrDetector
from lowres.models.downsamplers import shrink_mask, thumbnails


class ThumbnailDetector(nn.Module):
    """Down-sampler and detector as one module; `ratio` is input side over thumbnail side."""

    def __init__(self, downsampler: nn.Module, detector: DetrDetector) -> None:
        super().__init__()
        self.downsampler = downsampler
        self.detector = detector

    @property
    def ratio(self) -> int:
        """Input side over thumbnail side."""
        return int(self.downsampler.ratio)  # pyright: ignore[reportArgumentType]

    @property
    def thumbnail_channels(self) -> int:
        """Numbers per thumbnail pixel, the first three of which are colours; only a learned down-sampler gives more."""
        return int(getattr(self.downsampler, "channels", 3))

    @property
    def network(self) -> nn.Module:
        """What follows the down-sampler."""
        return self.detector

    @property
    def num_classes(self) -> int:
        """Number of object classes."""
        return self.detector.num_classes

    def shrink(
        self, pixels: Float[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"]
    ) -> tuple[Float[Tensor, "b c i j"], Bool[Tensor, "b i j"]]:
        """Thumbnail and its mask; a thumbnail pixel is real if any pixel under it is.

        Sides are multiples of the ratio.
        """
        return thumbnails(self.downsampler, pixels), shrink_mask(mask, self.ratio)

    def for_inference(self) -> "ThumbnailDetector":
        """A copy that detects the same sooner (`optimise.py`): to run, not to save."""
        from lowres.models.optimise import optimised_for_inference

        fast = optimised_for_inference(self)
        assert isinstance(fast, ThumbnailDetector)
        return fast

    def forward(
        self,
        pixels: Float[Tensor, "b 3 h w"],
        mask: Bool[Tensor, "b h w"],
        *,
        boxes_xyxy_px: list[Float[Tensor, "_ 4"]] | None = None,
        labels: list[Int[Tensor, " _"]] | None = None,
        with_features: bool = False,
    ) -> DetectorOutput:
        """Detect on the thumbnail; boxes in and out are in pixels of the full-resolution canvas."""
        thumbnail, thumbnail_mask = self.shrink(pixels, mask)
        return self.detect_thumbnail(
            thumbnail, thumbnail_mask, boxes_xyxy_px=boxes_xyxy_px, labels=labels, with_features=with_features
        )

    def detect_thumbnail(
        self,
        thumbnail: Float[Tensor, "b c i j"],
        thumbnail_mask: Bool[Tensor, "b i j"],
        *,
        boxes_xyxy_px: list[Float[Tensor, "_ 4"]] | None = None,
        labels: list[Int[Tensor, " _"]] | None = None,
        with_features: bool = False,
    ) -> DetectorOutput:
        """The part after the down-sampler: for callers that need the thumbnail as well."""
        small = None if boxes_xyxy_px is None else [boxes / self.ratio for boxes in boxes_xyxy_px]
        out = self.detector(thumbnail, thumbnail_mask, boxes_xyxy_px=small, labels=labels, with_features=with_features)
        return replace(out, boxes_xyxy_px=out.boxes_xyxy_px * self.ratio)

    def scores(self, logits: Float[Tensor, "b q c"]) -> Float[Tensor, "b q k"]:
        """Class probabilities in [0, 1]."""
        return self.detector.scores(logits)
