"""The section `data`: where images come from, and how every model sees them."""

from typing import Annotated, Literal, Union

from pydantic import Field, model_validator

from lowres.config.base import Count, Fraction, NotNegative, NotNegativeInt, Seed, Strict


class SignsSource(Strict):
    """The embedded data set: rendered street scenes with small traffic signs."""

    kind: Literal["signs"]
    seed: Seed
    num_train: Count
    num_val: Count
    num_test: Count
    image_size_px: Annotated[int, Field(ge=64, le=1024)]


class CocoSplit(Strict):
    """Images (a folder, tar or zip) and instances JSON, relative to the source's root; both may lie in an archive."""

    images: str
    annotations: str


class CocoSource(Strict):
    """A COCO data set: images in folders, tars or zips, boxes in instances JSON; `root` is a folder, tar or zip."""

    kind: Literal["coco"]
    root: str
    train: CocoSplit
    val: CocoSplit | None
    test: CocoSplit | None


class VocSplit(Strict):
    """A list of image names without suffix, relative to the source's root."""

    ids: str


class VocSource(Strict):
    """A PASCAL VOC data set: `root` is a folder, tar or zip, `prefix` what stands before Annotations in its names."""

    kind: Literal["voc"]
    root: str
    prefix: str
    classes: Annotated[list[str], Field(min_length=1)]
    train: VocSplit
    val: VocSplit | None
    test: VocSplit | None


class YoloSource(Strict):
    """A YOLO data set: `root` is a folder, tar or zip, `file` its data.yaml, which names classes and splits."""

    kind: Literal["yolo"]
    root: str
    file: str


class Tt100kSplit(Strict):
    """The images in one of `folders`, the first part of their paths; of these, where `ids` is a file in the root, its
    ids only.
    """

    folders: Annotated[list[str], Field(min_length=1)]
    ids: str | None


class Tt100kSource(Strict):
    """Tsinghua-Tencent 100K: `annotations` is annotations.json (2016) or annotations_all.json (2021) in the root, which
    is a folder, tar or zip.

    Training may know all classes or the 45 that papers measure; `measured_classes` are those whose objects val and
    test keep.
    """

    kind: Literal["tt100k"]
    root: str
    annotations: str
    train_classes: Literal["all", 45]
    measured_classes: Literal["all", 45]
    train: Tt100kSplit
    val: Tt100kSplit | None
    test: Tt100kSplit | None

    @model_validator(mode="after")
    def _measured_are_trained(self) -> "Tt100kSource":
        if self.train_classes == 45 and self.measured_classes == "all":
            raise ValueError("measured_classes all needs train_classes all; only 45 are trained")
        return self


class AutoSource(Strict):
    """Whatever `root` holds, recognised by its files; what it is and why is printed."""

    kind: Literal["auto"]
    root: str


class FolderSource(Strict):
    """Images in `root`/SPLIT/CLASS for those of the splits train, val and test that exist, or in `root`/CLASS."""

    kind: Literal["class_folders"]
    root: str


# Any source of boxes, also one that is made of another; the order in which they are nested is the order of the steps.
_Boxes = Union[
    SignsSource,
    CocoSource,
    VocSource,
    YoloSource,
    Tt100kSource,
    AutoSource,
    "ChosenSource",
    "DividedSource",
    "TiledSource",
    "BalancedSource",
]
DetectionSource = Annotated[_Boxes, Field(discriminator="kind")]
# Images can be divided, and some classes chosen, without boxes.
WholeImagesToo = Annotated[_Boxes | FolderSource, Field(discriminator="kind")]
Split = Literal["train", "val", "test"]
Share = Annotated[float, Field(gt=0, lt=1)]


class ChosenSource(Strict):
    """Some classes of another source (null: all), renamed; classes that end under one name become one."""

    kind: Literal["chosen"]
    of: WholeImagesToo
    classes: list[str] | None
    rename: dict[str, str]
    keep_emptied: bool


class ByShare(Strict):
    """Random images of train, as shares; null for a split that is not made."""

    kind: Literal["share"]
    val: Share | None
    test: Share | None
    seed: Seed


class ByGroup(Strict):
    """As by share, but images in whose file names `pattern` finds the same stay together: '(.*)/' is the folder."""

    kind: Literal["group"]
    pattern: str
    val: Share | None
    test: Share | None
    seed: Seed


class ByList(Strict):
    """The images that text files list, one name or id a line."""

    kind: Literal["list"]
    val: str | None
    test: str | None


class DividedSource(Strict):
    """Splits taken out of another source's train; those that it has already stay as they are."""

    kind: Literal["divided"]
    of: WholeImagesToo
    by: Annotated[ByShare | ByGroup | ByList, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _makes_a_split(self) -> "DividedSource":
        if self.by.val is None and self.by.test is None:
            raise ValueError("by: val and test are both null; make at least one")
        return self


class TiledSource(Strict):
    """The images of some splits of another source as overlapping tiles; JPEG of a quality, or PNG where it is null."""

    kind: Literal["tiled"]
    of: DetectionSource
    splits: Annotated[list[Split], Field(min_length=1)]
    tile_px: Count
    overlap_px: NotNegativeInt
    min_visibility: Fraction
    empty_fraction: Fraction
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None

    @model_validator(mode="after")
    def _overlap_under_tile(self) -> "TiledSource":
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px {self.overlap_px} is no less than tile_px {self.tile_px}")
        return self


class BalancedSource(Strict):
    """Another source whose train has random, recoloured crops added until each class has `instances_per_class`."""

    kind: Literal["balanced"]
    of: DetectionSource
    instances_per_class: Count
    crops_per_object: Count
    crop_px: tuple[Count, Count]
    min_visibility: Fraction
    brightness: Fraction
    contrast: Fraction
    saturation: Fraction
    hue: Annotated[float, Field(ge=0, le=0.5)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None
    seed: Seed

    @model_validator(mode="after")
    def _crops_are_a_range(self) -> "BalancedSource":
        if self.crop_px[1] < self.crop_px[0]:
            raise ValueError(f"crop_px {list(self.crop_px)} is no range; give the lowest and the highest side")
        return self


class Cifar10Source(Strict):
    """CIFAR-10 in its official binary layout; `num_val` images of train are held out, alike per class."""

    kind: Literal["cifar10"]
    root: str
    num_val: Count
    seed: Seed


class MosaicSource(Strict):
    """Small images as tiles of lossless mosaics, with labels.json; `num_val` images of train are held out."""

    kind: Literal["mosaics"]
    root: str
    num_val: Count
    seed: Seed


class SvhnSource(Strict):
    """SVHN's cropped digits (train_32x32.mat, test_32x32.mat); `num_val` images of train are held out."""

    kind: Literal["svhn"]
    root: str
    num_val: Count
    seed: Seed


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
        | YoloSource
        | Tt100kSource
        | AutoSource
        | ChosenSource
        | DividedSource
        | TiledSource
        | BalancedSource
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
