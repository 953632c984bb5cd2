"""Dropping early strides of a backbone, so that a thumbnail keeps the resolution of its feature maps.

One shift doubles every feature map, the student's pyramid then lies one level lower against its input (the level
shift of MSAD, which aligns pyramids of two resolutions). It costs multiply-adds; weights keep their shapes.
"""

from torch import nn


def drop_early_strides(backbone: nn.Module, count: int) -> None:
    """Set the last `count` of the backbone's first two strides of 2 to 1, in place; `count` is 0, 1 or 2.

    The later of the two goes first: for a ResNet that is the max-pool (which becomes the identity), then the
    stem's convolution. Raises ValueError for a backbone without two early strides.
    """
    if count not in (0, 1, 2):
        raise ValueError(f"stride_shift: {count} is not allowed; use 0, 1 or 2")
    if count == 0:
        return
    strided = [(name, module) for name, module in backbone.named_modules() if _stride(module) == 2][:2]
    if len(strided) < 2:
        raise ValueError(f"stride_shift: {type(backbone).__name__} has no two early strides to drop; use 0")
    for name, module in reversed(strided[2 - count :]):
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        else:
            backbone.set_submodule(name, nn.Identity())


def _stride(module: nn.Module) -> int:
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return 1
    stride = module.stride
    return int(stride[0] if isinstance(stride, tuple) else stride)
