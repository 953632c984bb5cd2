"""Is the ONNX file the PyTorch classifier? Class probabilities of both on the same images, compared one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float64

from lowres.export.classifier_runtime import OnnxClassifier
from lowres.models.thumbnail_classifier import ThumbnailClassifier, ThumbnailReader

_CHUNK = 256  # images held in memory at a time


@dataclass(frozen=True)
class ClassifierLimits:
    """What may differ."""

    probability: float  # of one class of one image, in [0, 1]
    top1: float  # of the fraction of images that are recognised, in [0, 1]


@dataclass(frozen=True)
class ClassifierParity:
    """What was measured before a file got its name."""

    images: int
    max_probability: float  # the largest difference of one class of one image
    changed: int  # images of which another class came out best
    top1_pytorch: float
    top1_onnx: float

    @property
    def top1_difference(self) -> float:
        """ONNX minus PyTorch."""
        return self.top1_onnx - self.top1_pytorch

    def summary(self) -> str:
        """The figures in one line."""
        return (
            f"probabilities differ by at most {self.max_probability:.2g}, {self.changed} of {self.images} images "
            f"change their class, top-1 {self.top1_difference:+.2g}"
        )


def compare_classifiers(
    model: ThumbnailClassifier | ThumbnailReader,
    onnx: OnnxClassifier,
    samples: Iterable[tuple[int, np.ndarray]],
    *,
    limits: ClassifierLimits,
) -> ClassifierParity:
    """Run both on (label, uint8 [side, side, 3]) pairs and compare; ValueError with the figures beyond a limit.

    The first image also runs alone, so that a file that works for full batches only is found out.
    """
    expected, found, labels = [], [], []
    largest = []
    iterator = iter(samples)
    while chunk := list(islice(iterator, _CHUNK)):
        images = [image for _, image in chunk]
        labels += [label for label, _ in chunk]
        expected.append(classify_with_pytorch(model, images))
        found.append(onnx.classify(images))
        if len(expected) == 1:
            largest.append(np.abs(onnx.classify(images[:1]) - expected[0][:1]).max())
    if not labels:
        raise ValueError("export: no validation images to compare on; an export without a comparison is refused")
    of_pytorch, of_onnx = np.concatenate(expected), np.concatenate(found)
    largest.append(np.abs(of_onnx - of_pytorch).max())
    best_pytorch, best_onnx = of_pytorch.argmax(axis=1), of_onnx.argmax(axis=1)
    report = ClassifierParity(
        images=len(labels),
        max_probability=float(np.max(largest)),  # np.max, unlike max, does not lose a NaN
        changed=int((best_pytorch != best_onnx).sum()),
        top1_pytorch=float(np.mean(best_pytorch == labels)),
        top1_onnx=float(np.mean(best_onnx == labels)),
    )
    check_classifiers(report, limits)
    if len(labels) > 1 and not np.ptp(of_pytorch, axis=0).max() > limits.probability:
        raise ValueError(
            "export refused: the model gives all images the same probabilities, so nothing was compared; train longer"
        )
    return report


def check_classifiers(report: ClassifierParity, limits: ClassifierLimits) -> None:
    """Raise ValueError, with all figures, if one is beyond its limit."""
    figures = (
        ("probabilities", report.max_probability, limits.probability),
        ("top-1", abs(report.top1_difference), limits.top1),
    )
    beyond = [name for name, value, limit in figures if not value <= limit]
    if beyond:
        raise ValueError(
            f"export refused: ONNX Runtime and PyTorch disagree in {', '.join(beyond)}: {report.summary()} "
            f"(limits {asdict(limits)})"
        )


def classify_with_pytorch(
    model: ThumbnailClassifier | ThumbnailReader, images: Sequence[np.ndarray]
) -> Float64[np.ndarray, "n c"]:
    """What the ONNX file must find: the model in evaluation mode on uint8 [side, side, 3] RGB images."""
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        pixels = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2) / np.float32(255))
        with torch.inference_mode():
            return model(pixels.to(device)).logits.double().softmax(dim=1).cpu().numpy()
    finally:
        model.train(training)
