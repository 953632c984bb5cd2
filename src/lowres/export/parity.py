"""Is the ONNX file the PyTorch model? Detections of both on the same images, paired and compared.

The order of detections is no part of the question: scores that differ by rounding may swap places. So detections are
paired by label and place before they are compared, and a detection that the cut after the best k may have
removed from one side is not held against the other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice

import numpy as np
import torch

from lowres.export.runtime import OnnxDetector, same_size_batches
from lowres.models.thumbnail import ThumbnailDetector
from lowres.ops.detections import top_detections
from lowres.records import ImageDetections

_CHUNK = 16  # images held in memory at a time
_SAME_OBJECT_IOU = 0.5


@dataclass(frozen=True)
class ParityLimits:
    """What may differ. Detections of which both sides' scores are below `min_score` are not looked at."""

    min_score: float  # [0, 1]
    box_px: float  # of one box side, in input pixels
    score: float  # of one detection, in [0, 1]
    unmatched_fraction: float  # of the detections looked at
    ap: float  # of average precision, in [0, 1]


@dataclass(frozen=True)
class Difference:
    """Of two sets of detections of the same images."""

    detections: int  # pairs and unmatched ones
    unmatched: int
    max_box_px: float
    max_score: float


@dataclass(frozen=True)
class ParityReport:
    """What was measured before a file got its name; AP is None where no AP was asked for, or none is defined."""

    images: int
    sizes_hw: list[tuple[int, int]]  # input sizes that were run, the smallest first
    min_score: float  # detections below it on both sides were not looked at
    detections: int
    unmatched: int
    max_box_px: float
    max_score: float
    ap_pytorch: float | None
    ap_onnx: float | None

    @property
    def ap_difference(self) -> float | None:
        """ONNX minus PyTorch."""
        return None if self.ap_pytorch is None or self.ap_onnx is None else self.ap_onnx - self.ap_pytorch

    def summary(self) -> str:
        """The figures in one line."""
        ap = "AP not compared" if self.ap_difference is None else f"AP {self.ap_difference:+.2g}"
        return (
            f"boxes differ by at most {self.max_box_px:.2g} px, scores by {self.max_score:.2g}, "
            f"{self.unmatched} of {self.detections} detections without a counterpart, {ap}"
        )


def compare(
    model: ThumbnailDetector,
    onnx: OnnxDetector,
    samples: Iterable[tuple[int, np.ndarray]],
    *,
    limits: ParityLimits,
    ap: Callable[[list[ImageDetections]], float | None] | None = None,
) -> ParityReport:
    """Run both on (image id, uint8 [h, w, 3]) pairs and compare; ValueError with the figures beyond a limit.

    The first images are also run joined to mosaics of other sizes, one by one, so that a file which works only for the
    validation images' size and batch is found out. `ap` is given all detections of one side (without the mosaics).
    The PyTorch model runs as it is, in its own mode of attention, padded by code of its own. Where no detection reaches
    `limits.min_score`, those are compared that reach half of the best score.
    """
    differences: list[Difference] = []
    sizes: set[tuple[int, int]] = set()
    of_pytorch: list[ImageDetections] = []
    of_onnx: list[ImageDetections] = []
    iterator = iter(samples)
    first = True
    while chunk := list(islice(iterator, _CHUNK)):
        ids, images = [image_id for image_id, _ in chunk], [image for _, image in chunk]
        expected = detect_with_pytorch(model, images, ids, onnx.max_detections, onnx.canvas_multiple_px)
        found = onnx.detect(images, image_ids=ids)
        differences.append(difference(expected, found, limits=limits))
        of_pytorch += expected
        of_onnx += found
        sizes |= {image.shape[:2] for image in images}
        if first:
            joined = mosaics(images)
            numbers = list(range(len(joined)))
            expected = detect_with_pytorch(model, joined, numbers, onnx.max_detections, onnx.canvas_multiple_px)
            differences.append(difference(expected, onnx.detect(joined), limits=limits))
            sizes |= {image.shape[:2] for image in joined}
        first = False
    if not of_onnx:
        raise ValueError("export: no validation images to compare on; an export without a comparison is refused")
    if not any(one.detections for one in differences):  # a model that has learned little is sure of nothing
        best = max(float(np.max(found.scores, initial=0.0)) for found in of_pytorch + of_onnx)
        limits = replace(limits, min_score=best / 2)
        differences.append(difference(of_pytorch, of_onnx, limits=limits))
    report = ParityReport(
        images=len(of_onnx),
        sizes_hw=sorted(sizes),
        min_score=limits.min_score,
        detections=sum(one.detections for one in differences),
        unmatched=sum(one.unmatched for one in differences),
        max_box_px=max(one.max_box_px for one in differences),
        max_score=max(one.max_score for one in differences),
        ap_pytorch=ap(of_pytorch) if ap else None,
        ap_onnx=ap(of_onnx) if ap else None,
    )
    check(report, limits)
    return report


def check(report: ParityReport, limits: ParityLimits) -> None:
    """Raise ValueError, with all figures, if one is beyond its limit or if there was nothing to compare."""
    beyond = [
        name
        for name, value, limit in (
            ("boxes", report.max_box_px, limits.box_px),
            ("scores", report.max_score, limits.score),
            ("counterparts", report.unmatched, limits.unmatched_fraction * report.detections),
            ("AP", abs(report.ap_difference or 0.0), limits.ap),
        )
        if not value <= limit
    ]
    if (report.ap_pytorch is None) != (report.ap_onnx is None):
        beyond.append("AP")
    if beyond:
        raise ValueError(
            f"export refused: ONNX Runtime and PyTorch disagree in {', '.join(beyond)}: {report.summary()} "
            f"(limits {asdict(limits)})"
        )
    if report.detections == 0:
        raise ValueError(
            f"export refused: no detection reaches score {limits.min_score}, so nothing was compared; "
            "lower the limit or train longer"
        )


def difference(
    expected: Sequence[ImageDetections], found: Sequence[ImageDetections], *, limits: ParityLimits
) -> Difference:
    """Pair the detections of each image and take the largest differences."""
    pairs = [_pair(one, other, limits) for one, other in zip(expected, found, strict=True)]
    boxes = [value for image in pairs for value in image[0]]
    scores = [value for image in pairs for value in image[1]]
    unmatched = sum(image[2] for image in pairs)
    # np.max, unlike max, does not lose a NaN.
    return Difference(
        detections=len(boxes) + unmatched,
        unmatched=unmatched,
        max_box_px=float(np.max(boxes, initial=0.0)),
        max_score=float(np.max(scores, initial=0.0)),
    )


def _pair(one: ImageDetections, other: ImageDetections, limits: ParityLimits) -> tuple[list[float], list[float], int]:
    """Box and score differences of the pairs that matter, and the number of detections left over."""
    box_px = np.abs(one.boxes_xyxy_px[:, None] - other.boxes_xyxy_px[None]).max(axis=2, initial=0.0)
    score = np.abs(one.scores[:, None] - other.scores[None])
    same = (one.labels[:, None] == other.labels[None]) & (
        (_iou(one.boxes_xyxy_px, other.boxes_xyxy_px) >= _SAME_OBJECT_IOU) | (box_px <= limits.box_px)
    )
    # Greedy, the closest pair first, where a pair is as far apart as its worse figure measured in limits.
    distance = np.where(same, np.maximum(box_px / limits.box_px, score / limits.score), np.inf)
    partner_of_one = np.full(len(one.scores), -1)
    partner_of_other = np.full(len(other.scores), -1)
    for flat in np.argsort(distance, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, distance.shape)
        if not np.isfinite(distance[row, column]):
            break
        if partner_of_one[row] < 0 and partner_of_other[column] < 0:
            partner_of_one[row], partner_of_other[column] = column, row
    boxes, scores = [], []
    for row, column in enumerate(partner_of_one):
        if column >= 0 and max(one.scores[row], other.scores[column]) >= limits.min_score:
            boxes.append(float(box_px[row, column]))
            scores.append(float(score[row, column]))
    left = _left_over(one, partner_of_one, other, limits) + _left_over(other, partner_of_other, one, limits)
    return boxes, scores, left


def _left_over(side: ImageDetections, partner: np.ndarray, against: ImageDetections, limits: ParityLimits) -> int:
    # A finite score only is excused by the cut after the best k, and only where both lists were cut alike.
    cut = len(side.scores) == len(against.scores)
    lowest = against.scores.min() + limits.score if cut and len(against.scores) else -np.inf
    excused = (side.scores < limits.min_score) | (side.scores <= lowest)
    return int(((partner < 0) & ~excused).sum())


def detect_with_pytorch(
    model: ThumbnailDetector, images: Sequence[np.ndarray], ids: Sequence[int], max_detections: int, multiple: int
) -> list[ImageDetections]:
    """What the ONNX file must find: the model in evaluation mode on images padded to multiples, boxes clipped."""
    device = next(model.parameters()).device
    found: dict[int, ImageDetections] = {}
    training = model.training
    model.eval()
    try:
        for positions in same_size_batches(images, 8):
            height, width = images[positions[0]].shape[:2]
            canvas = -(-height // multiple) * multiple, -(-width // multiple) * multiple
            pixels = torch.zeros(len(positions), 3, *canvas)
            mask = torch.zeros(len(positions), *canvas, dtype=torch.bool)
            mask[:, :height, :width] = True
            for row, position in enumerate(positions):
                pixels[row, :, :height, :width] = torch.tensor(images[position]).permute(2, 0, 1) / 255
            with torch.inference_mode():
                out = model(pixels.to(device), mask.to(device))
                best = top_detections(model.scores(out.logits), out.boxes_xyxy_px, count=max_detections)
            scores, labels, boxes = (tensor.float().cpu().numpy() for tensor in best)
            boxes = boxes.clip(0, np.array([width, height, width, height], dtype=np.float32))
            for row, position in enumerate(positions):
                found[position] = ImageDetections(ids[position], boxes[row], scores[row], labels[row].astype(np.int64))
    finally:
        model.train(training)
    return [found[position] for position in range(len(images))]


def mosaics(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A wide and a tall image of the first two, a few pixels short of whole: sizes that the images themselves lack."""
    first, second = images[0], images[min(1, len(images) - 1)]
    height, width = min(first.shape[0], second.shape[0]), min(first.shape[1], second.shape[1])
    wide = np.concatenate([first[:height], second[:height]], axis=1)[:-1, :-3]
    tall = np.concatenate([first[:, :width], second[:, :width]], axis=0)[:-5, :-1]
    return [image for image in (wide, tall) if 0 not in image.shape]


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    overlap = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1) for boxes in (one, other)]
    return overlap / np.maximum(areas[0][:, None] + areas[1][None] - overlap, np.finfo(np.float32).tiny)
