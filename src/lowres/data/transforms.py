"""Joint transforms of an image and its boxes: resize, flip, scale jitter, crop, colour, mosaic.

Every geometric augmentation is a choice of a source window and a target size, so that each image is resampled once.
All randomness comes from the generator passed in; nothing here holds state. Colours follow torchvision's meaning of
brightness, contrast, saturation and hue, but are one 4x3 matrix, applied once (hue as a rotation about the grey axis
in YIQ), which is ten times as fast as four passes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Sample:
    """One image on its way to a batch; boxes in pixels of `pixels`, within its frame."""

    pixels: np.ndarray  # uint8 [h, w, 3] RGB
    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    labels: np.ndarray  # int64 [n]
    image_id: int
    original_wh_px: tuple[int, int]

    @property
    def wh_px(self) -> tuple[int, int]:
        """Width and height now."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, kw_only=True)
class Resize:
    """The size at which an image enters its batch.

    With `stretch` exactly `short_side_px` square, aspect lost (RT-DETR); else the short side becomes `short_side_px`
    unless that makes the long one exceed `long_side_px` (Deformable-DETR: 800 and 1333), aspect kept.
    """

    short_side_px: int
    long_side_px: int
    stretch: bool

    def target_wh_px(self, width: int, height: int) -> tuple[int, int]:
        """The size for an image of this size, at least 1 x 1."""
        if self.stretch:
            return self.short_side_px, self.short_side_px
        scale = min(self.short_side_px / min(width, height), self.long_side_px / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def scale(self, width: int, height: int) -> tuple[float, float]:
        """Pixels of the model's input per pixel of an image of this size, in x and in y."""
        target = self.target_wh_px(width, height)
        return target[0] / width, target[1] / height


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Strengths of colour jitter: factors from [1 - s, 1 + s]; hue in turns, from [-s, s]."""

    brightness: float
    contrast: float
    saturation: float
    hue: float

    def __call__(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The image with its colours moved; uint8 in and out."""
        low, high = -np.ones(3), np.ones(3)
        strengths = np.array([self.brightness, self.contrast, self.saturation])
        brightness, contrast, saturation = 1 + strengths * rng.uniform(low, high)
        angle = 2 * math.pi * self.hue * rng.uniform(-1, 1)
        if not (strengths.any() or self.hue):
            return pixels
        turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
        matrix = _RGB_FROM_YIQ @ (turn * np.array([[1], [saturation], [saturation]])) @ _YIQ_FROM_RGB
        matrix = brightness * contrast * matrix
        grey = brightness * float(_YIQ_FROM_RGB[0] @ cv2.mean(pixels)[:3])
        offset = np.full((3, 1), (1 - contrast) * grey)
        return cv2.transform(pixels, np.hstack([matrix, offset]))


_YIQ_FROM_RGB = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB_FROM_YIQ = np.linalg.inv(_YIQ_FROM_RGB)


@dataclass(frozen=True, kw_only=True)
class Transform:
    """The way from a decoded image to a sample of a batch; made by `build_transforms`, which explains the fields."""

    short_sides_px: tuple[int, ...]
    long_side_px: int
    stretch: bool
    flip_probability: float
    scale_jitter: tuple[float, float]
    crop_probability: float
    crop_fraction: tuple[float, float]
    min_visibility: float
    colour: Colour
    mosaic_probability: float
    mosaic_scale: tuple[float, float]

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        *,
        another: Callable[[], Sample],
        short_side_px: int | None = None,
    ) -> Sample:
        """Transform one sample; `another` draws further ones for a mosaic, `short_side_px` overrides the size."""
        side = short_side_px or self.short_sides_px[rng.integers(len(self.short_sides_px))]
        resize = Resize(short_side_px=side, long_side_px=self.long_side_px, stretch=self.stretch)
        if rng.random() < self.mosaic_probability:
            sample = self._mosaic([sample, another(), another(), another()], resize, rng)
        else:
            sample = self._window(sample, resize, rng)
        if rng.random() < self.flip_probability:
            sample = flip_horizontally(sample)
        return replace(sample, pixels=self.colour(sample.pixels, rng))

    def _window(self, sample: Sample, resize: Resize, rng: np.random.Generator) -> Sample:
        """Crop, jitter and resize in one resampling."""
        width, height = float(sample.wh_px[0]), float(sample.wh_px[1])
        if rng.random() < self.crop_probability:
            width, height = (np.array([width, height]) * rng.uniform(*self.crop_fraction, size=2)).tolist()
        target = resize.target_wh_px(max(1, round(width)), max(1, round(height)))
        factor = math.exp(rng.uniform(*np.log(self.scale_jitter)))
        if factor > 1:  # larger objects, same canvas: a smaller window
            width, height = width / factor, height / factor
        else:  # smaller objects: a smaller image, which the batch pads
            target = (max(1, round(target[0] * factor)), max(1, round(target[1] * factor)))
        size = (max(1, round(width)), max(1, round(height)))
        corner = rng.integers(0, np.array(sample.wh_px) - np.array(size), endpoint=True)
        return crop_and_resize(sample, corner.tolist(), size, target, min_visibility=self.min_visibility)

    def _mosaic(self, samples: Sequence[Sample], resize: Resize, rng: np.random.Generator) -> Sample:
        """Four images around a random centre of one canvas (YOLOv4, arXiv:2004.10934, figure 3)."""
        first = samples[0]
        width, height = resize.target_wh_px(*first.wh_px)
        cx, cy = (max(1, round(side * rng.uniform(0.3, 0.7))) for side in (width, height))
        canvas = np.zeros((height, width, 3), np.uint8)
        boxes, labels = [], []
        for quarter, sample in enumerate(samples):
            left, top = quarter % 2 == 0, quarter < 2
            room = np.array([cx if left else width - cx, cy if top else height - cy])
            scale = math.exp(rng.uniform(*np.log(self.mosaic_scale)))
            whole = np.array(resize.target_wh_px(*sample.wh_px)) * scale
            target = np.maximum(1, np.minimum(room, np.round(whole).astype(int)))
            size = np.clip(np.round(target / whole * sample.wh_px).astype(int), 1, sample.wh_px)
            corner = rng.integers(0, np.array(sample.wh_px) - size, endpoint=True)
            if not room.all():
                continue
            piece = crop_and_resize(
                sample,
                corner.tolist(),
                tuple(size.tolist()),
                tuple(target.tolist()),
                min_visibility=self.min_visibility,
            )
            x = cx - piece.wh_px[0] if left else cx  # all four touch the centre
            y = cy - piece.wh_px[1] if top else cy
            canvas[y : y + piece.wh_px[1], x : x + piece.wh_px[0]] = piece.pixels
            boxes.append(piece.boxes_xyxy_px + np.array([x, y, x, y]))
            labels.append(piece.labels)
        return replace(first, pixels=canvas, boxes_xyxy_px=np.concatenate(boxes), labels=np.concatenate(labels))


def flip_horizontally(sample: Sample) -> Sample:
    """Left becomes right."""
    x1, y1, x2, y2 = sample.boxes_xyxy_px.T
    width = sample.wh_px[0]
    boxes = np.stack([width - x2, y1, width - x1, y2], axis=1)
    return replace(sample, pixels=cv2.flip(sample.pixels, 1), boxes_xyxy_px=boxes)


def crop_and_resize(
    sample: Sample,
    corner_xy_px: Sequence[int],
    size_wh_px: tuple[int, int],
    target_wh_px: tuple[int, int],
    *,
    min_visibility: float,
) -> Sample:
    """Cut a window and resample it to a target size (area when shrinking both ways, else bilinear).

    Boxes are clipped to the window; one of which less than `min_visibility` of its area is left is dropped.
    """
    (x, y), (width, height), (target_width, target_height) = corner_xy_px, size_wh_px, target_wh_px
    pixels = np.ascontiguousarray(sample.pixels[y : y + height, x : x + width])
    if size_wh_px != target_wh_px:
        shrinks = target_width <= width and target_height <= height
        pixels = cv2.resize(pixels, target_wh_px, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    moved = sample.boxes_xyxy_px - np.array([x, y, x, y])
    inside = np.clip(moved, 0, [width, height, width, height])
    left, whole = _area(inside), _area(moved)
    keep = (left > 0) & (left >= min_visibility * whole)
    scale = np.array([target_width / width, target_height / height] * 2)
    return replace(sample, pixels=pixels, boxes_xyxy_px=inside[keep] * scale, labels=sample.labels[keep])


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def build_transforms(
    *,
    short_side_px: int | Sequence[int],
    long_side_px: int | None = None,
    stretch: bool = False,
    flip_probability: float = 0.0,
    scale_jitter: tuple[float, float] = (1.0, 1.0),
    crop_probability: float = 0.0,
    crop_fraction: tuple[float, float] = (1.0, 1.0),
    min_visibility: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    mosaic_probability: float = 0.0,
    mosaic_scale: tuple[float, float] = (0.5, 1.0),
) -> Transform:
    """A transform from plain values; with the defaults it only resizes, which is what evaluation wants.

    Args:
        short_side_px: short side of the image in a batch; of several values each image draws one.
        long_side_px: most the long side may be; the largest short side where None.
        stretch: exactly square, aspect lost.
        flip_probability: of a horizontal flip; 0 for signs and text, which have a direction.
        scale_jitter: range of a factor on the object size, drawn log-uniformly; above 1 the image is cropped to its
            old size, below 1 it shrinks and the batch pads it.
        crop_probability: of a random crop, before the resize.
        crop_fraction: range of the share of each side that a crop keeps.
        min_visibility: share of a box's area that must be left for the box to be kept.
        brightness: strength, 0 to 1, of a factor from [1 - s, 1 + s]; the next two alike.
        contrast: strength of the factor about the mean grey.
        saturation: strength of the factor about each pixel's grey.
        hue: largest rotation of the hue, in turns, 0 to 0.5.
        mosaic_probability: of putting four images on one canvas instead of crop and jitter.
        mosaic_scale: range of the factor on each of the four.

    Raises:
        ValueError: names the value that is out of range.
    """
    sides = (short_side_px,) if isinstance(short_side_px, int) else tuple(short_side_px)
    longest = max(sides, default=0) if long_side_px is None else long_side_px
    if not sides or min(sides) < 1:
        raise ValueError(f"short_side_px is {short_side_px}; give one or more sizes of at least 1 px")
    if longest < max(sides):
        raise ValueError(f"long_side_px is {longest}, less than short_side_px {max(sides)}; raise it")
    shares = {
        "flip_probability": flip_probability,
        "crop_probability": crop_probability,
        "mosaic_probability": mosaic_probability,
        "min_visibility": min_visibility,
        "brightness": brightness,
        "contrast": contrast,
        "saturation": saturation,
    }
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must be from 0 to 1")
    if not 0 <= hue <= 0.5:
        raise ValueError(f"hue is {hue}; it is in turns, from 0 to 0.5")
    ranges = {"scale_jitter": scale_jitter, "crop_fraction": crop_fraction, "mosaic_scale": mosaic_scale}
    for name, (low, high) in ranges.items():
        if not 0 < low <= high or not math.isfinite(high):
            raise ValueError(f"{name} is {(low, high)}; it is a range low, high with 0 < low <= high")
    if crop_fraction[1] > 1:
        raise ValueError(f"crop_fraction is {crop_fraction}; a crop keeps at most 1 of a side")
    return Transform(
        short_sides_px=sides,
        long_side_px=longest,
        stretch=stretch,
        flip_probability=flip_probability,
        scale_jitter=(scale_jitter[0], scale_jitter[1]),
        crop_probability=crop_probability,
        crop_fraction=(crop_fraction[0], crop_fraction[1]),
        min_visibility=min_visibility,
        colour=Colour(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue),
        mosaic_probability=mosaic_probability,
        mosaic_scale=(mosaic_scale[0], mosaic_scale[1]),
    )
