"""The section `data`: where images come from, and how every model sees them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lowres.config.base import Count, Fraction, NotNegative, NotNegativeInt, Strict


class SignsSource(Strict):
    """The embedded data set: rendered street scenes with small traffic signs."""

    kind: Literal["signs"]
    seed: NotNegativeInt
    num_train: Count
    num_val: Count
    num_test: Count
    image_size_px: Annotated[int, Field(ge=64, le=1024)]


class CocoSplit(Strict):
    """Images (a folder or a tar) and instances JSON, relative to the source's root."""

    images: str
    annotations: str


class CocoSource(Strict):
    """A COCO data set: images in folders or tars, boxes in instances JSON."""

    kind: Literal["coco"]
    root: str
    train: CocoSplit
    val: CocoSplit
    test: CocoSplit | None


class VocSplit(Strict):
    """A list of image names without suffix, relative to the source's root."""

    ids: str


class VocSource(Strict):
    """A PASCAL VOC data set: `root` is a folder or a tar, `prefix` what stands before Annotations in its names."""

    kind: Literal["voc"]
    root: str
    prefix: str
    classes: Annotated[list[str], Field(min_length=1)]
    train: VocSplit
    val: VocSplit
    test: VocSplit | None


class Cifar10Source(Strict):
    """CIFAR-10 in its official binary layout; `num_val` images of train are held out, alike per class."""

    kind: Literal["cifar10"]
    root: str
    num_val: Count
    seed: NotNegativeInt


class MosaicSource(Strict):
    """Small images as tiles of lossless mosaics, with labels.json; `num_val` images of train are held out."""

    kind: Literal["mosaics"]
    root: str
    num_val: Count
    seed: NotNegativeInt


class SvhnSource(Strict):
    """SVHN's cropped digits (train_32x32.mat, test_32x32.mat); `num_val` images of train are held out."""

    kind: Literal["svhn"]
    root: str
    num_val: Count
    seed: NotNegativeInt


class FolderSource(Strict):
    """Images in `root`/SPLIT/CLASS for the splits train, val and, where it exists, test."""

    kind: Literal["class_folders"]
    root: str


class SignCropsSource(Strict):
    """Crops of the embedded data set's signs; `signs` says how it is rendered.

    A crop is a square around a sign whose long side is `min_side_px` or more in the image, larger by `margin_fraction`
    on each side, scaled to `side_px`.
    """

    kind: Literal["sign_crops"]
    signs: SignsSource
    min_side_px: Count
    margin_fraction: NotNegative
    side_px: Count


class Input(Strict):
    """How images are sized before the model.

    The short side becomes `short_side_px` unless that makes the long one exceed `long_side_px`; `stretch` makes the
    image square instead. The canvas is padded to a multiple of `canvas_multiple_px`: the model's largest stride on the
    thumbnail times the down-sampler's ratio.
    """

    short_side_px: Count
    long_side_px: Count
    stretch: bool
    canvas_multiple_px: Count

    @model_validator(mode="after")
    def _long_is_not_short(self) -> "Input":
        if self.long_side_px < self.short_side_px:
            raise ValueError(f"long_side_px {self.long_side_px} is under short_side_px {self.short_side_px}")
        return self


class Data(Strict):
    """What prepare reads, and how every later stage sees it."""

    source: Annotated[
        SignsSource
        | CocoSource
        | VocSource
        | Cifar10Source
        | MosaicSource
        | SvhnSource
        | FolderSource
        | SignCropsSource,
        Field(discriminator="kind"),
    ]
    input: Input
    max_bad_fraction: Fraction
    min_side_px: Count
    shard_mb: Count
