"""A classifier that sees only thumbnails, brought back to the size that its network wants (DFD, sections 2.2 and 3.1).

Called like a classifier on full-resolution pixels. Inside: down-sampler, interpolation back up, then the network. With
the identity down-sampler and `restore="none"` it is the full-resolution classifier itself. `ThumbnailReader` is what
follows the down-sampler, for images that are thumbnails already.
"""

import copy
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lowres.models.classifiers import Classifier, ClassifierOutput
from lowres.models.downsamplers import FixedDownsampler, thumbnails
from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.input_channels import channels_of

Restore = Literal["none", "bilinear", "bicubic"]


class ThumbnailClassifier(nn.Module):
    """Down-sampler and classifier as one module; `ratio` is input side over thumbnail side.

    `restore` is how the thumbnail is enlarged by the ratio before the network; the paper enlarges (it does not say by
    which interpolation), `none` gives the network the thumbnail itself. Bicubic overshoots are cut to [0, 1].
    Raises ValueError for thumbnails of more than three channels.
    """

    def __init__(self, downsampler: nn.Module, classifier: Classifier, *, restore: Restore) -> None:
        super().__init__()
        if (channels := channels_of(downsampler)) != 3:
            raise ValueError(f"downsampler.options.channels: {channels}, but a classifier reads 3; use 3")
        self.downsampler = downsampler
        self.classifier = classifier
        self.restore: Restore = restore

    @property
    def ratio(self) -> int:
        """Input side over thumbnail side."""
        return int(self.downsampler.ratio)  # pyright: ignore[reportArgumentType]

    @property
    def network(self) -> nn.Module:
        """What follows the down-sampler."""
        return self.classifier

    @property
    def takes_thumbnails(self) -> bool:
        """Whether an image of the thumbnail's size can stand for a thumbnail: the down-sampler only interpolates."""
        return isinstance(self.downsampler, FixedDownsampler) and self.ratio > 1

    def for_inference(self) -> "ThumbnailClassifier":
        """A copy that classifies the same sooner, its batch norms folded: to run, not to save."""
        fast = copy.deepcopy(self).eval().requires_grad_(requires_grad=False)
        fold_batch_norm(fast)
        return fast.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> ClassifierOutput:
        """Classify by the thumbnail of pixels in [0, 1]; sides are multiples of the ratio."""
        return self.classify_thumbnail(thumbnails(self.downsampler, pixels))

    def classify_thumbnail(self, thumbnail: Float[Tensor, "b 3 i j"]) -> ClassifierOutput:
        """The part after the down-sampler: for callers that need the thumbnail as well."""
        return self.classifier(self.enlarged(thumbnail))

    def enlarged(self, thumbnail: Float[Tensor, "b 3 i j"]) -> Float[Tensor, "b 3 h w"]:
        """What the network reads: the thumbnail, brought back to the input's size where `restore` says so."""
        return enlarged(thumbnail, ratio=self.ratio, restore=self.restore)


class ThumbnailReader(nn.Module):
    """What follows the down-sampler of a `ThumbnailClassifier` that takes thumbnails, sharing its weights.

    Called like it, on images of the thumbnail's size; `ratio` is 1, because nothing is shrunk.
    """

    ratio = 1

    def __init__(self, model: ThumbnailClassifier) -> None:
        super().__init__()
        assert model.takes_thumbnails, "a learned down-sampler's thumbnails are not interpolated images"
        self.classifier = model.classifier
        self.restore: Restore = model.restore
        self.enlargement = model.ratio
        self.train(model.training)

    def forward(self, pixels: Float[Tensor, "b 3 i j"]) -> ClassifierOutput:
        """Classify thumbnails in [0, 1]."""
        return self.classifier(enlarged(pixels, ratio=self.enlargement, restore=self.restore))


def enlarged(thumbnail: Float[Tensor, "b 3 i j"], *, ratio: int, restore: Restore) -> Float[Tensor, "b 3 h w"]:
    """The thumbnail, `ratio` times as large unless `restore` is none."""
    if restore == "none" or ratio == 1:
        return thumbnail
    large = F.interpolate(thumbnail, scale_factor=ratio, mode=restore, align_corners=False)
    return large.clamp(0, 1) if restore == "bicubic" else large
