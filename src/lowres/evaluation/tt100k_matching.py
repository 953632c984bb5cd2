"""Who matches whom under the TT100K rules, and what that makes of every box, by size and at many score thresholds.

Pairs of one image and one class with IoU over the threshold are taken one to one, the highest IoU first (not the
highest score). A threshold on scores only takes pairs away, so pairs are found and ordered once for all thresholds.
"""

from dataclasses import dataclass

import numpy as np

from lowres.evaluation.tt100k_records import BoxTable

SIZE_NAMES = ("small", "medium", "large", "all")
# Half open: the data set's sizes are long sides, those of COCO and EFPN areas. A long side of 400 px is in no bin.
SIZE_EDGES = {"long_side": (0.0, 32.0, 96.0, 400.0), "area": (0.0, 32.0**2, 96.0**2, np.inf)}
_OUTSIDE, _CODES = 3, 4  # small 0, medium 1, large 2


@dataclass(frozen=True)
class Pairs:
    """Rows of truth and of detections that may match, best first."""

    truth: np.ndarray  # int64 [p]
    found: np.ndarray  # int64 [p]


@dataclass(frozen=True)
class Counts:
    """What is kept and what is right, per group (a class or an image) and size, in the orders of `SIZE_*`."""

    right: np.ndarray  # int64 [threshold, size definition, group, size]
    detections: np.ndarray  # int64 [threshold, size definition, group, size]
    objects: np.ndarray  # int64 [size definition, group, size]; no threshold changes it

    def together(self) -> "Counts":
        """All groups as one."""
        return Counts(
            right=self.right.sum(axis=2, keepdims=True),
            detections=self.detections.sum(axis=2, keepdims=True),
            objects=self.objects.sum(axis=1, keepdims=True),
        )


def possible_pairs(truth: BoxTable, found: BoxTable, *, iou_threshold: float) -> Pairs:
    """Pairs of one image and class with IoU strictly over the threshold, by descending IoU.

    Equal IoUs go in the order of the truth, then of the detections, as in the official evaluator.
    """
    num_labels = 1 + max(truth.label.max(initial=0), found.label.max(initial=0))
    key, found_key = truth.image * num_labels + truth.label, found.image * num_labels + found.label
    by_key = np.argsort(found_key, kind="stable")
    first = np.searchsorted(found_key[by_key], key, side="left")
    counts = np.searchsorted(found_key[by_key], key, side="right") - first
    true_row = np.repeat(np.arange(len(key)), counts)
    rank = np.arange(len(true_row)) - np.repeat(np.cumsum(counts) - counts, counts)
    found_row = by_key[first[true_row] + rank]
    iou = _iou(truth.boxes_xyxy_px[true_row], found.boxes_xyxy_px[found_row])
    over = iou > iou_threshold
    true_row, found_row, iou = true_row[over], found_row[over], iou[over]
    best_first = np.lexsort((found_row, true_row, -iou))
    return Pairs(true_row[best_first], found_row[best_first])


def count(
    truth: BoxTable,
    found: BoxTable,
    pairs: Pairs,
    *,
    thresholds: np.ndarray,
    groups: tuple[np.ndarray, np.ndarray],
    num_groups: int,
) -> Counts:
    """Counts at each score threshold (ascending); `groups` are the group of each row of truth and of detections.

    Matches are made before sizes are looked at. A matched detection has the size of its object: outside a bin, both are
    ignored there. An unmatched one has its own size. Pairs share image and class, hence the group.
    """
    true_cells = _cells(truth, groups[0], num_groups)
    found_cells = _cells(found, groups[1], num_groups)
    num_cells = len(SIZE_EDGES) * num_groups * _CODES
    level = np.searchsorted(thresholds, found.scores, side="right")  # a score is kept at its first `level` thresholds
    # Kept detections as if none were matched, then each matched one moves from its own size to its object's.
    arrivals = np.bincount((level * num_cells + found_cells).ravel(), minlength=(len(thresholds) + 1) * num_cells)
    kept = arrivals.reshape(len(thresholds) + 1, num_cells)[::-1].cumsum(axis=0)[::-1][1:]
    right = np.zeros_like(kept)
    true_index, true_rows = _compact(pairs.truth)
    found_index, found_rows = _compact(pairs.found)
    pair_level = level[pairs.found]
    for step in range(len(thresholds)):
        open_ = np.flatnonzero(pair_level > step)
        taken = open_[_best_first(true_index[open_], found_index[open_], len(true_rows), len(found_rows))]
        right[step] = np.bincount(true_cells[:, pairs.truth[taken]].ravel(), minlength=num_cells)
        kept[step] -= np.bincount(found_cells[:, pairs.found[taken]].ravel(), minlength=num_cells)
    objects = np.bincount(true_cells.ravel(), minlength=num_cells)
    return Counts(
        right=_by_size(right, num_groups),
        detections=_by_size(kept + right, num_groups),
        objects=_by_size(objects[None], num_groups)[0],
    )


def _best_first(true_row: np.ndarray, found_row: np.ndarray, num_true: int, num_found: int) -> np.ndarray:
    """Positions of the pairs that a greedy pass takes, from pairs ordered best first.

    In each round, a pair that comes first for both of its boxes is taken: nothing before it can take either away.
    What shares a box with a taken pair is dropped. That is the greedy pass in a few rounds instead of one pair a time.
    """
    position = np.arange(len(true_row))
    first_of_true = np.empty(num_true, dtype=np.int64)
    first_of_found = np.empty(num_found, dtype=np.int64)
    taken: list[np.ndarray] = []
    while len(position):
        true_, found_ = true_row[position], found_row[position]
        first_of_true[true_[::-1]] = position[::-1]  # the last write stays: the first position
        first_of_found[found_[::-1]] = position[::-1]
        first = (first_of_true[true_] == position) & (first_of_found[found_] == position)
        taken.append(position[first])
        first_of_true[true_[first]] = -1
        first_of_found[found_[first]] = -1
        position = position[(first_of_true[true_] >= 0) & (first_of_found[found_] >= 0)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *taken])


def _compact(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used, index = np.unique(rows, return_inverse=True)
    return index, used


def _cells(table: BoxTable, group: np.ndarray, num_groups: int) -> np.ndarray:
    """Int64 [size definition, n]: where each box is counted under each definition of size."""
    width, height = (table.boxes_xyxy_px[:, 2:] - table.boxes_xyxy_px[:, :2]).T
    sizes = {"long_side": np.maximum(width, height), "area": width * height}
    codes = [np.searchsorted(edges, sizes[name], side="right") - 1 for name, edges in SIZE_EDGES.items()]
    definition = np.arange(len(codes))[:, None]
    return (definition * num_groups + group) * _CODES + np.minimum(codes, _OUTSIDE)


def _by_size(cells: np.ndarray, num_groups: int) -> np.ndarray:
    """[threshold, cell] as [threshold, size definition, group, size], "all" being the sum of the others."""
    inside = cells.reshape(len(cells), len(SIZE_EDGES), num_groups, _CODES)[..., :_OUTSIDE]
    return np.concatenate([inside, inside.sum(axis=-1, keepdims=True)], axis=-1)


def _iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of each pair of rows; 0 for two boxes without area."""
    sides = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
