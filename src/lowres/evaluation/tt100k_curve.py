"""The accuracy-recall curve of TT100K and the area under it, from counts at rising score thresholds.

The official code draws the curve and gives no area. Ours is that of the line drawn: straight between points, the fixed
ends included. The end at recall 1 lends a detector that finds little some area it has not earned (a single right
detection of a hundred objects: about a half), so areas compare detectors of like recall only.
"""

import numpy as np

from lowres.evaluation.tt100k_matching import Counts


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, and 1 where the whole is empty."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.divide(part, whole, out=np.ones(shape), where=whole > 0)


def curve_points(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and recall, float64 [threshold + 2, size definition, group, size], at rising thresholds.

    Accuracy is held at its highest value so far. The first point is accuracy 0 at recall 1, the last one accuracy 1
    at recall 0.
    """
    accuracy = np.maximum.accumulate(ratio(counts.right, counts.detections), axis=0)
    recall = ratio(counts.right, counts.objects)
    low, high = np.zeros_like(accuracy[:1]), np.ones_like(accuracy[:1])
    return np.concatenate([low, accuracy, high]), np.concatenate([high, recall, low])


def areas_under(counts: Counts) -> np.ndarray:
    """Area under accuracy over recall, float64 [size definition, group, size].

    NaN where there is no object, or no detection at the lowest threshold: the ends alone would make up the curve.
    """
    accuracy, recall = curve_points(counts)
    area = ((accuracy[1:] + accuracy[:-1]) / 2 * (recall[:-1] - recall[1:])).sum(axis=0)
    return np.where((counts.objects > 0) & (counts.detections[0] > 0), area, np.nan)
