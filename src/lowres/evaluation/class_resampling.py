"""A classifier's headline numbers as a statistic of resampled images (see `bootstrap`)."""

import numpy as np

from lowres.evaluation.bootstrap import intervals_around


class ClassStatistic:
    """Top-1, top-5 and expected calibration error of resamples.

    Arguments are those of `classification.evaluate_classes`, which must have accepted them; the values of all weights
    one are its own. `top5` is there from six classes on.
    """

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> None:
        self.num_images, num_classes = probabilities.shape
        confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        self._hits = {"top1": hit.astype(np.float64)}
        if num_classes > 5:
            # the most probable five, the lower class first between equals
            best = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
            self._hits["top5"] = (best == labels[:, None]).any(axis=1).astype(np.float64)
        edges = np.linspace(0.0, 1.0, bins + 1)
        index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
        self._gaps = np.zeros((self.num_images, bins))  # what each image adds to the gap of its bin
        self._gaps[np.arange(self.num_images), index] = hit - confidence

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """{name: values [b]} of weights int32 [b, n]."""
        total = weights.sum(axis=1)
        values = {name: weights @ hits / total for name, hits in self._hits.items()}
        values["expected_calibration_error"] = np.abs(weights @ self._gaps).sum(axis=1) / total
        return values


def class_intervals(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    bins: int = 15,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """The interval of each number over images, in [0, 1]; errors as in `bootstrap`."""
    statistic = ClassStatistic(probabilities, labels, bins=bins)
    return intervals_around(statistic, num_images=statistic.num_images, level=level, resamples=resamples, seed=seed)
