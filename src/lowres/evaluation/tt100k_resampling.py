"""TT100K's accuracy, recall, F1 and area under the curve as a statistic of resampled images (see `bootstrap`)."""

import numpy as np

from lowres.evaluation.bootstrap import intervals_around
from lowres.evaluation.tt100k_curve import areas_under, ratio
from lowres.evaluation.tt100k_matching import SIZE_EDGES, SIZE_NAMES, Counts

Intervals = dict[str, dict[str, dict[str, tuple[float, float] | None]]]


class SignStatistic:
    """Accuracy, recall and F1 of each size, by long side and by area, from counts with one group per image.

    Names are (size definition, size, metric) joined by slashes. The values of all weights one are those of
    `tt100k.evaluate_tt100k` at the counts' first threshold: 1 where nothing is kept or nothing is there.
    """

    def __init__(self, counts: Counts) -> None:
        per_image = (counts.right[0], counts.detections[0], counts.objects)
        self.num_images = per_image[0].shape[1]
        # [size definition, image, size] each, as one matrix [image, what, size definition, size]
        self._counts = np.stack(per_image).transpose(2, 0, 1, 3)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """{name: values [b]} of weights int32 [b, n]."""
        totals = weights.astype(np.float64) @ self._counts.reshape(self.num_images, -1)
        right, kept, objects = totals.reshape(-1, *self._counts.shape[1:]).swapaxes(0, 1)
        accuracy, recall = ratio(right, kept), ratio(right, objects)
        both = accuracy + recall
        f1 = np.divide(2 * accuracy * recall, both, out=np.zeros_like(both), where=both > 0)
        return {
            f"{measure}/{size}/{metric}": values[:, m, s]
            for m, measure in enumerate(SIZE_EDGES)
            for s, size in enumerate(SIZE_NAMES)
            for metric, values in (("accuracy", accuracy), ("recall", recall), ("f1", f1))
        }


class AreaStatistic:
    """Area under the accuracy-recall curve of each size, from counts at its thresholds with one group per image.

    A resample keeps the thresholds of the whole, also where it lacks the image with the highest score: the curve then
    ends in points of accuracy 1 at recall 0, which add no area. NaN where `tt100k_curve.areas_under` knows none.
    """

    def __init__(self, along: Counts) -> None:
        self.num_images = along.objects.shape[1]
        self._right, self._kept = (
            counts.astype(np.float64).transpose(2, 0, 1, 3) for counts in (along.right, along.detections)
        )
        self._objects = along.objects.astype(np.float64).transpose(1, 0, 2)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """{name: values [b]} of weights int32 [b, n]."""
        right, kept, objects = (self._drawn(weights, counts) for counts in (self._right, self._kept, self._objects))
        # each resample is a group
        areas = areas_under(Counts(right.transpose(1, 2, 0, 3), kept.transpose(1, 2, 0, 3), objects.transpose(1, 0, 2)))
        return {
            f"{measure}/{size}/auc": areas[m, :, s]
            for m, measure in enumerate(SIZE_EDGES)
            for s, size in enumerate(SIZE_NAMES)
        }

    def _drawn(self, weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
        totals = weights.astype(np.float64) @ counts.reshape(self.num_images, -1)
        return totals.reshape(-1, *counts.shape[1:])


def sign_intervals(
    counts: Counts, *, along: Counts, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Intervals:
    """Size definition -> size -> metric -> interval over images, in [0, 1]; errors as in `bootstrap`.

    `counts` are those at the score threshold, `along` those of the curve, both with one group per image.
    """
    ratios, areas = SignStatistic(counts), AreaStatistic(along)
    found = intervals_around(
        lambda weights: ratios(weights) | areas(weights),
        num_images=ratios.num_images,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    nested: Intervals = {}
    for name, interval in found.items():
        measure, size, metric = name.split("/")
        nested.setdefault(measure, {}).setdefault(size, {})[metric] = interval
    return nested
