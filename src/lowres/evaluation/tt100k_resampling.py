"""TT100K's accuracy, recall and F1 as a statistic of resampled images (see `bootstrap`)."""

import numpy as np

from lowres.evaluation.bootstrap import intervals_around
from lowres.evaluation.tt100k_curve import ratio
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


def sign_intervals(counts: Counts, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> Intervals:
    """Size definition -> size -> metric -> interval over images, in [0, 1]; errors as in `bootstrap`."""
    statistic = SignStatistic(counts)
    found = intervals_around(statistic, num_images=statistic.num_images, level=level, resamples=resamples, seed=seed)
    nested: Intervals = {}
    for name, interval in found.items():
        measure, size, metric = name.split("/")
        nested.setdefault(measure, {}).setdefault(size, {})[metric] = interval
    return nested
