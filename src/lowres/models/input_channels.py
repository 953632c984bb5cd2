"""A detector that reads more than three channels: for a down-sampler whose thumbnail carries more than colour.

Three numbers per thumbnail pixel hold 3/48 of what a 4x4 block of colour pixels holds. More channels cost the detector
one wider convolution, the first.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lowres.models.detr import DetrDetector


def channels_of(downsampler: nn.Module) -> int:
    """Channels of the module's thumbnails; the first three are its colours."""
    return int(getattr(downsampler, "channels", 3))


def widen_input(detector: DetrDetector, channels: int) -> None:
    """Let the detector read `channels` channels, in place; weights of those beyond three start at 0.

    It then computes what it did, until it learns; its first convolution learns also where the library freezes it, else
    the new channels would stay without effect. They are not normalised. Raises ValueError for fewer than three
    channels, and for a backbone that does not begin with a convolution of three or has several.
    """
    if channels == 3:
        return
    if channels < 3:
        raise ValueError(f"a thumbnail of {channels} channels; it must have at least 3")
    backbone = detector.backbone
    convolutions = [(name, module) for name, module in backbone.named_modules() if isinstance(module, nn.Conv2d)]
    reading = [place for place in convolutions if place[1].in_channels == 3 and place[1].groups == 1]
    if len(reading) != 1 or reading[0] != convolutions[0]:
        raise ValueError(
            f"downsampler.options.channels: {channels}, but {detector.family} does not read the image by one first "
            "convolution; use 3"
        )
    name, first = reading[0]
    wide = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # pyright: ignore[reportArgumentType]
        first.stride,  # pyright: ignore[reportArgumentType]
        first.padding,  # pyright: ignore[reportArgumentType]
        first.dilation,  # pyright: ignore[reportArgumentType]
        bias=first.bias is not None,
        padding_mode=first.padding_mode,
        device=first.weight.device,
        dtype=first.weight.dtype,
    )
    with torch.no_grad():
        wide.weight.copy_(widened(first.weight, channels))
        if first.bias is not None and wide.bias is not None:
            wide.bias.copy_(first.bias)
    backbone.set_submodule(name, wide)
    for module in backbone.modules():  # some stems refuse another number than their configuration's
        if getattr(module, "num_channels", None) == 3:
            module.num_channels = channels  # pyright: ignore[reportArgumentType]
    more = channels - 3
    detector.mean = torch.cat([detector.mean, detector.mean.new_zeros(1, more, 1, 1)], dim=1)
    detector.std = torch.cat([detector.std, detector.std.new_ones(1, more, 1, 1)], dim=1)


def widened(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weight [o, c, k, k] with zeros for the channels beyond c."""
    return torch.cat([weight, weight.new_zeros(weight.shape[0], channels - weight.shape[1], *weight.shape[2:])], dim=1)


def fitted_state(state: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """`state` with its first convolution widened where `module`'s reads more channels; all else as it is."""
    own = module.state_dict()
    fitted = dict(state)
    for name, weight in state.items():
        other = own.get(name)
        if other is None or other.ndim != 4 or weight.ndim != 4:
            continue
        same = (weight.shape[0], *weight.shape[2:]) == (other.shape[0], *other.shape[2:])
        if same and weight.shape[1] == 3 < other.shape[1]:
            fitted[name] = widened(weight, other.shape[1])
    return fitted
