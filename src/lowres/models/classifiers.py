"""AlexNet, VGG-16 and ResNet-18 in their forms for 32x32 images: the backbones of DFD (section 2.2, Table 1).

The paper names the ImageNet networks and says neither how they were cut down to 32x32 nor where its dropout is. We take
the forms that are in wide use on CIFAR-10, each with one linear layer, whose input is the last feature (f in eq. 1-2).
Where we differ from them:
- the last pooling takes the whole map, so that any side from 16 to 64 px works; at 32 px it is the published one;
- convolutions that a batch norm follows have no bias: the norm's own shift makes it redundant, and it would not learn;
- weights start by He (arXiv:1502.01852, eq. 10, fan-in), which keeps the scale of activations through AlexNet, where
  no batch norm would restore it; the linear layer starts at deviation 0.01, as AlexNet's and VGG's do;
- dropout, where AlexNet and VGG have it, is before the linear layer and leaves `features` whole: a teacher's feature,
  which no dropout thins, is compared with all of the student's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from lowres.models.small_map_conv import SmallMapConv2d

Family = Literal["alexnet", "vgg16", "resnet18"]
# Of an image that the network can read: of a smaller one its strides and poolings leave nothing.
SMALLEST_SIDE_PX: dict[str, int] = {"alexnet": 13, "vgg16": 16, "resnet18": 1}


@dataclass
class ClassifierOutput:
    """Class scores before the softmax, and the last feature layer: what the linear layer reads, never negative."""

    logits: Float[Tensor, "b c"]
    features: Float[Tensor, "b d"]


class AlexNet(nn.Module):
    """AlexNet for CIFAR (Krizhevsky et al. 2012, as in github.com/bearpaw/pytorch-classification): 2 472 266 parameters
    for 10 classes, 256 features.

    Five convolutions, the first 11x11 at stride 4, no normalisation layers: its source starts SGD at 0.01.
    Arguments are those of `build_classifier`.
    """

    def __init__(
        self, *, num_classes: int, mean: Sequence[float], std: Sequence[float], width: float = 1.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.normalise = _Normalise(mean=mean, std=std)
        one, two, three, four = _scaled((64, 192, 384, 256), width)
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, one, 11, stride=4, padding=5), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(one, two, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(SmallMapConv2d(two, three, 3, padding=1), nn.ReLU(inplace=True)),
            *(SmallMapConv2d(three, four, 3, padding=1), nn.ReLU(inplace=True)),
            *(SmallMapConv2d(four, four, 3, padding=1), nn.ReLU(inplace=True)),
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(four, num_classes)
        _initialise(self)

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> ClassifierOutput:
        """Logits and features of pixels in [0, 1]."""
        features = self.layers(self.normalise(pixels)).amax((2, 3))
        return ClassifierOutput(logits=self.linear(self.dropout(features)), features=features)


class Vgg16(nn.Module):
    """VGG-16 for CIFAR (arXiv:1409.1556, column D, with batch norm; as in github.com/kuangliu/pytorch-cifar):
    14 724 042 parameters for 10 classes, 512 features.

    Thirteen 3x3 convolutions in five stages, one linear layer for VGG's three. Arguments are those of
    `build_classifier`.
    """

    def __init__(
        self, *, num_classes: int, mean: Sequence[float], std: Sequence[float], width: float = 1.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.normalise = _Normalise(mean=mean, std=std)
        layers: list[nn.Module] = []
        before = 3
        for stage, (depth, channels) in enumerate(zip((2, 2, 3, 3, 3), _scaled((64, 128, 256, 512, 512), width))):
            layers += [nn.MaxPool2d(2)] if stage else []
            for _ in range(depth):
                layers += [*_conv_norm(before, channels), nn.ReLU(inplace=True)]
                before = channels
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(before, num_classes)
        _initialise(self)

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> ClassifierOutput:
        """Logits and features of pixels in [0, 1]."""
        features = self.layers(self.normalise(pixels)).amax((2, 3))
        return ClassifierOutput(logits=self.linear(self.dropout(features)), features=features)


class ResNet18(nn.Module):
    """ResNet-18 for CIFAR (arXiv:1512.03385, Table 1; as in github.com/kuangliu/pytorch-cifar): 11 173 962 parameters
    for 10 classes, 512 features.

    The stem is one 3x3 convolution at stride 1 without max pooling. No dropout. Arguments are those of
    `build_classifier`.
    """

    def __init__(self, *, num_classes: int, mean: Sequence[float], std: Sequence[float], width: float = 1.0) -> None:
        super().__init__()
        self.normalise = _Normalise(mean=mean, std=std)
        channels = _scaled((64, 128, 256, 512), width)
        layers: list[nn.Module] = [*_conv_norm(3, channels[0]), nn.ReLU(inplace=True)]
        before = channels[0]
        for stage, out in enumerate(channels):
            layers += [_BasicBlock(before, out, stride=2 if stage else 1), _BasicBlock(out, out, stride=1)]
            before = out
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(before, num_classes)
        _initialise(self)

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> ClassifierOutput:
        """Logits and features of pixels in [0, 1]."""
        features = self.layers(self.normalise(pixels)).mean((2, 3))
        return ClassifierOutput(logits=self.linear(features), features=features)


Classifier = AlexNet | Vgg16 | ResNet18


def build_classifier(
    *,
    family: Family,
    num_classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    width: float = 1.0,
    dropout: float = 0.0,
) -> Classifier:
    """A classifier by name, with random weights.

    `mean` and `std` are per channel, for pixels in [0, 1]; normalisation is inside the model, and not in its
    state dict. `width` multiplies every number of channels (rounded, at least 1), features included. `dropout` is the
    probability of dropping a feature in training; the networks' papers have 0.5 before each linear layer, the CIFAR
    forms 0. Raises ValueError for an unknown family, a width that is not positive, a probability outside [0, 1],
    dropout in resnet18, which has none, and a mean or std that is not three numbers, std positive.
    """
    if family == "alexnet":
        return AlexNet(num_classes=num_classes, mean=mean, std=std, width=width, dropout=dropout)
    if family == "vgg16":
        return Vgg16(num_classes=num_classes, mean=mean, std=std, width=width, dropout=dropout)
    if family == "resnet18":
        if dropout:
            raise ValueError(f"classifier.dropout: {dropout} with resnet18, which has no dropout layer; use 0")
        return ResNet18(num_classes=num_classes, mean=mean, std=std, width=width)
    raise ValueError(f"classifier.family: {family!r} unknown; use one of alexnet, vgg16, resnet18")


class _Normalise(nn.Module):
    def __init__(self, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f"classifier: mean {tuple(mean)}, std {tuple(std)}; give one number per channel to each, std above 0"
            )
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, 3, 1, 1), persistent=False)

    mean: Tensor
    std: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


class _BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (arXiv:1512.03385, Fig. 5 left), projected where the shape changes (B)."""

    def __init__(self, before: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *_conv_norm(before, channels, stride=stride), nn.ReLU(inplace=True), *_conv_norm(channels, channels)
        )
        same = stride == 1 and before == channels
        self.shortcut = nn.Sequential(*([] if same else _conv_norm(before, channels, kernel=1, stride=stride)))

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.residual(maps) + self.shortcut(maps))


def _conv_norm(before: int, channels: int, *, kernel: int = 3, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = SmallMapConv2d(before, channels, kernel, stride=stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(channels)


def _scaled(channels: Sequence[int], width: float) -> list[int]:
    if not width > 0:
        raise ValueError(
            f"classifier.width: {width} is not positive; 1 is the published network, 0.5 half its channels"
        )
    return [max(1, round(count * width)) for count in channels]


@torch.no_grad()
def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
