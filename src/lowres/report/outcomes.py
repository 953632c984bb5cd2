"""What each box of one image is, for drawing: found, a false alarm, or missed.

The rule is the evaluation's: from the highest score down, one to one, the same class, IoU of at least a half; a crowd
is neither found nor missed, and a left-over detection inside it is no false alarm. (The evaluation is a sibling layer
that this one may not import; a test of the stages compares their counts.)
"""

from dataclasses import dataclass

import numpy as np
import torch

from lowres.ops.boxes import area, pairwise_iou
from lowres.records import ImageDetections, ImageTruth


@dataclass(frozen=True)
class Boxes:
    """Boxes to draw: pixels, labels, scores (NaN for truth), and `found`, `false`, `missed`, `truth` or `crowd`."""

    boxes_xyxy_px: np.ndarray  # float64 [n, 4]
    labels: np.ndarray  # int64 [n]
    scores: np.ndarray  # float64 [n]
    outcomes: list[str]

    def number(self, outcome: str) -> int:
        """How many boxes have this outcome."""
        return self.outcomes.count(outcome)


def truth_boxes(truth: ImageTruth) -> Boxes:
    """The labelled objects themselves."""
    return Boxes(
        boxes_xyxy_px=np.asarray(truth.boxes_xyxy_px, dtype=np.float64).reshape(-1, 4),
        labels=truth.labels,
        scores=np.full(len(truth.labels), np.nan),
        outcomes=["crowd" if crowd else "truth" for crowd in truth.iscrowd],
    )


def compare(
    truth: ImageTruth, detections: ImageDetections, *, score_threshold: float, iou_threshold: float = 0.5
) -> Boxes:
    """Detections at or above the score threshold, judged, followed by the objects that none of them found."""
    kept = np.flatnonzero(detections.scores >= score_threshold)
    order = kept[np.argsort(-detections.scores[kept], kind="stable")]
    found = np.asarray(detections.boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)[order]
    labels, scores = detections.labels[order], np.asarray(detections.scores, dtype=np.float64)[order]
    objects = np.asarray(truth.boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)
    ious = pairwise_iou(torch.from_numpy(found), torch.from_numpy(objects)).numpy()
    same = labels[:, None] == truth.labels[None, :]
    free = same & (ious >= iou_threshold) & ~truth.iscrowd[None, :]
    taken: set[int] = set()
    outcomes: list[str] = []
    for row in range(len(order)):
        candidates = [column for column in np.flatnonzero(free[row]).tolist() if column not in taken]
        if candidates:
            taken.add(max(candidates, key=lambda column, row=row: ious[row, column]))
            outcomes.append("found")
        else:
            in_crowd = _share_inside(found[row], objects[same[row] & truth.iscrowd]) >= iou_threshold
            outcomes.append("crowd" if in_crowd else "false")
    missed = [index for index in np.flatnonzero(~truth.iscrowd).tolist() if index not in taken]
    return Boxes(
        boxes_xyxy_px=np.concatenate([found, objects[missed]]),
        labels=np.concatenate([labels, truth.labels[missed]]).astype(np.int64),
        scores=np.concatenate([scores, np.full(len(missed), np.nan)]),
        outcomes=outcomes + ["missed"] * len(missed),
    )


def _share_inside(box: np.ndarray, crowds: np.ndarray) -> float:
    """The greatest share of the box's own area that one of the crowds covers."""
    if not len(crowds):
        return 0.0
    low, high = np.maximum(box[:2], crowds[:, :2]), np.minimum(box[2:], crowds[:, 2:])
    covered = (high - low).clip(min=0).prod(axis=1).max()
    own = float(area(torch.from_numpy(box)))
    return float(covered) / own if own > 0 else 0.0
