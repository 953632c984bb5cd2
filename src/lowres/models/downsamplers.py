"""Image down-samplers: pixels in [0, 1] in, a thumbnail `ratio` times smaller out, normalisation afterwards.

Learned modules follow ThumbDet (Pattern Recognition 138, section 3.3 and Table 4): two convolutions, the first to 12
channels, the second back to 3, each followed by a ReLU. What the paper leaves open and we decided:
the module reads pixels in [0, 1]; convolutions have no bias (as in the public code); `final_relu=False` lets the
thumbnail leave [0, 1], which trains better (docs/decisions); `skip` adds a fixed thumbnail to the first three channels,
so that the convolutions learn a residual and a new module starts as plain interpolation; `channels` above 3 give the
thumbnail more than colours (`input_channels.py`), which the paper does not do.

Fixed kinds are antialiased and exact for integer ratios: the same weights as `torch.nn.functional.interpolate(...,
antialias=True)`, written as strided convolutions so that they run in ONNX Runtime and on any device.
"""

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

FixedKind = Literal["bicubic", "bilinear", "area"]
DOWNSAMPLERS = ("identity", "bicubic", "bilinear", "area", "learned")

# (kernel, stride) of each convolution, by (ratio, layers). 4x: section 3.3 and Table 4; 2x: section 4.2.
# The paper gives kernels only for five layers; the strides come as early as possible there, as in the two-layer module.
_LAYERS: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (4, 1): ((5, 4),),
    (4, 2): ((3, 2), (3, 2)),
    (4, 5): ((7, 2), (5, 2), (3, 1), (1, 1), (1, 1)),
    (2, 1): ((5, 2),),
    (2, 2): ((5, 1), (5, 2)),
    (2, 5): ((7, 2), (5, 1), (3, 1), (1, 1), (1, 1)),
}


def thumbnails(downsampler: nn.Module, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c i j"]:
    """What the module makes of the pixels, in float32 also under autocast.

    bfloat16 has 8 bits: it rounds a thumbnail as coarsely as a JPEG does, and the gradient of a module's few weights,
    which sums over every pixel of a batch, by several percent. A learned module then gains less (studies/thumbdet).
    """
    if not torch.is_autocast_enabled(pixels.device.type):
        return downsampler(pixels)
    with torch.autocast(pixels.device.type, enabled=False):
        return downsampler(pixels.float())


def shrink_mask(mask: Bool[Tensor, "b h w"], ratio: int) -> Bool[Tensor, "b h/r w/r"]:
    """The mask of a thumbnail: a thumbnail pixel is real if any pixel under it is.

    The content of a canvas is a rectangle in its top left corner, so the first pixel under a thumbnail pixel tells.
    """
    return mask if ratio == 1 else mask[:, ::ratio, ::ratio]


class IdentityDownsampler(nn.Module):
    """No down-sampling: ratio 1. It makes a full-resolution detector a special case of a thumbnail detector."""

    ratio = 1

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The pixels themselves."""
        return pixels


class FixedDownsampler(nn.Module):
    """Antialiased interpolation by an integer ratio; equals `interpolate(..., antialias=True)` to float rounding."""

    def __init__(self, *, kind: FixedKind, ratio: int) -> None:
        super().__init__()
        self.kind, self.ratio = kind, ratio
        taps = _taps(kind, ratio)
        self.register_buffer("taps", taps, persistent=False)
        self.padding = (taps.numel() - ratio) // 2

    taps: Tensor

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h/r w/r"]:
        """The thumbnail; sides must be multiples of the ratio. Bicubic may overshoot [0, 1] slightly at edges."""
        if self.ratio == 1:
            return pixels
        return self._along(self._along(pixels, vertical=False), vertical=True)

    def _along(self, pixels: Tensor, *, vertical: bool) -> Tensor:
        if vertical:
            shape, stride, padding = (1, 1, -1, 1), (self.ratio, 1), (self.padding, 0)
            ones = pixels.new_ones(1, 1, pixels.shape[2], 1)
        else:
            shape, stride, padding = (1, 1, 1, -1), (1, self.ratio), (0, self.padding)
            ones = pixels.new_ones(1, 1, 1, pixels.shape[3])
        taps = self.taps.to(pixels.dtype).reshape(shape)
        total = F.conv2d(pixels, taps.expand(3, *taps.shape[1:]), stride=stride, padding=padding, groups=3)
        # Weights beyond the border are dropped and the rest renormalised, as interpolate and Pillow do.
        return total / F.conv2d(ones, taps, stride=stride, padding=padding)


def bicubic_of(ratio: int) -> nn.Module:
    """Bicubic thumbnails of a ratio; the image itself for ratio 1."""
    return IdentityDownsampler() if ratio == 1 else FixedDownsampler(kind="bicubic", ratio=ratio)


class LearnedDownsampler(nn.Module):
    """ThumbDet's down-sampling module (section 3.3, Fig. 3; Table 4 for 1 and 5 layers)."""

    def __init__(
        self,
        *,
        ratio: int,
        layers: int = 2,
        hidden_channels: int = 12,
        bias: bool = False,
        final_relu: bool = True,
        skip: Literal["none", "bicubic", "bilinear", "area"] = "none",
        channels: int = 3,
    ) -> None:
        super().__init__()
        if (ratio, layers) not in _LAYERS:
            allowed = ", ".join(f"ratio {r} with {n} layers" for r, n in _LAYERS)
            raise ValueError(f"learned down-sampler: ratio {ratio} with {layers} layers is not defined; use {allowed}")
        if channels < 3:
            raise ValueError(f"learned down-sampler: channels is {channels}; it must be at least 3")
        self.ratio, self.channels = ratio, channels
        plan = _LAYERS[ratio, layers]
        modules: list[nn.Module] = []
        before = 3
        for position, (kernel, stride) in enumerate(plan):
            last = position == len(plan) - 1
            out = channels if last else hidden_channels
            modules.append(nn.Conv2d(before, out, kernel, stride, padding=kernel // 2, bias=bias))
            if not last or final_relu:
                modules.append(nn.ReLU())
            before = out
        self.layers = nn.Sequential(*modules)
        self.skip = None if skip == "none" else FixedDownsampler(kind=skip, ratio=ratio)
        if self.skip is not None:
            final = next(layer for layer in reversed(modules) if isinstance(layer, nn.Conv2d))
            with torch.no_grad():
                final.weight[:3] = 0
                if final.bias is not None:
                    final.bias[:3] = 0

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h/r w/r"]:
        """The thumbnail; sides must be multiples of the ratio. Values are near [0, 1] but not bounded by it."""
        thumbnail = self.layers(pixels)
        if self.skip is None:
            return thumbnail
        colours = thumbnail[:, :3] + self.skip(pixels)
        return colours if self.channels == 3 else torch.cat([colours, thumbnail[:, 3:]], dim=1)


def _taps(kind: FixedKind, ratio: int) -> Float[Tensor, " taps"]:
    """Weights of one output pixel along one axis, centred; float32, summing to 1."""
    support = {"area": 0.5, "bilinear": 1.0, "bicubic": 2.0}[kind] * ratio
    count = int(2 * support) + (int(2 * support) - ratio) % 2
    offset = (torch.arange(count, dtype=torch.float64) + 0.5 - count / 2) / ratio
    distance = offset.abs()
    if kind == "area":
        weight = torch.ones_like(distance)
    elif kind == "bilinear":
        weight = (1 - distance).clamp(min=0)
    else:
        a = -0.5  # the value of Pillow and of torch's antialiased bicubic
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * a - 4 * a
        weight = torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(distance)))
    return (weight / weight.sum()).float()


def build_downsampler(*, kind: str, ratio: int, **options: Any) -> nn.Module:
    """A down-sampler by name; `options` are the learned module's own. ValueError for what cannot be built."""
    if kind == "identity":
        if ratio != 1:
            raise ValueError(f"downsampler: kind identity keeps the size, ratio is {ratio}; use ratio 1")
        return IdentityDownsampler()
    if kind in ("bicubic", "bilinear", "area"):
        return FixedDownsampler(kind=kind, ratio=ratio)
    if kind == "learned":
        return LearnedDownsampler(ratio=ratio, **options)
    raise ValueError(f"downsampler.kind: {kind!r} unknown; use one of {', '.join(DOWNSAMPLERS)}")
