"""The vectorised protocol against plain loops, on random data made to be awkward.

300 data sets, or as many as LOWRES_TT100K_CASES says; `make test-tt100k` runs 20,000.
"""

import os

import numpy as np
import pytest
from tests.evaluation import tt100k_literal as literal

from lowres.evaluation.tt100k import count_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_records import SignDetections, SignTruth

CASES = int(os.environ.get("LOWRES_TT100K_CASES", "300"))
CLASSES = ("a", "b", "c")
EDGES = (10, 31, 32, 33, 95, 96, 97, 399, 400, 401)


def random_boxes(rng, n):
    """Crowded, on a coarse grid so that IoUs tie and meet 1/2, with sides at the edges of the bins."""
    sides = rng.choice(EDGES, (n, 2)) if rng.random() < 0.4 else rng.integers(0, 13, (n, 2))
    if rng.random() < 0.3:
        sides = sides * rng.uniform(0.5, 2.0, (n, 2))
    corner = rng.integers(0, rng.integers(1, 12), (n, 2))
    return np.concatenate([corner, corner + sides], axis=1).astype(np.float64)


def random_case(rng):
    """[(objects, detections)] per image, as plain tuples."""
    images = []
    grid = rng.choice([4, 10, 99])
    for _ in range(int(rng.integers(0, 5))):
        n, extra = int(rng.integers(0, 6)), int(rng.integers(0, 6))
        boxes = random_boxes(rng, n)
        copies = boxes[rng.integers(0, n, int(rng.integers(0, 9)))] if n else boxes
        moved = copies + rng.integers(-2, 3, copies.shape) * rng.integers(0, 2)
        moved[:, 2:] = np.maximum(moved[:, :2], moved[:, 2:])
        near = np.concatenate([moved, random_boxes(rng, extra)])
        names, found_names = (rng.choice(["a", "a", "b", "c", "other"], m) for m in (n, len(near)))
        scores = rng.random(len(near)) if rng.random() < 0.3 else rng.integers(0, grid + 1, len(near)) / grid
        images.append(
            (
                [(str(name), tuple(box)) for name, box in zip(names, boxes.tolist(), strict=True)],
                [(str(a), tuple(b), s) for a, b, s in zip(found_names, near.tolist(), scores.tolist(), strict=True)],
            )
        )
    return images


def as_records(images, rng):
    truth = [
        SignTruth(str(i), np.array([b for _, b in objects]).reshape(-1, 4), tuple(a for a, _ in objects))
        for i, (objects, _) in enumerate(images)
    ]
    detections = [
        SignDetections(
            str(i),
            np.array([b for _, b, _ in found]).reshape(-1, 4),
            tuple(a for a, _, _ in found),
            np.array([s for _, _, s in found]),
        )
        for i, (_, found) in enumerate(images)
        if found or rng.random() < 0.5
    ]
    rng.shuffle(detections)
    return truth, detections


def compare(got, images, *, classes, threshold, measure, size):
    low, high = literal.SIZES[measure][size]
    counts = literal.count_images(images, classes=classes, threshold=threshold, measure=measure, low=low, high=high)
    assert (got.num_right, got.num_detections, got.num_objects) == counts
    assert (got.accuracy, got.recall, got.f1) == pytest.approx(literal.score(counts), abs=1e-12)


def compare_curve(metrics, images, *, classes, measure, size):
    """The curve and its area, of all classes or of one; the curve of one class shows in its area only."""
    low, high = literal.SIZES[measure][size]
    options = {"classes": classes, "measure": measure, "low": low, "high": high}
    highest = max((one[2] for _, found in images for one in found), default=None)
    points = literal.curve(images, highest=highest, **options)
    together = {"long_side": metrics.by_long_side, "area": metrics.by_area}[measure]
    got = (together if len(classes) > 1 else metrics.per_class[classes[0]][measure])[size]
    expected = literal.area(points, images, **options)
    assert got.auc is None if expected is None else got.auc == pytest.approx(expected, abs=1e-12)
    if points is None:
        assert metrics.curves == {}
    elif len(classes) > 1:
        curve = metrics.curves[measure][size]
        assert np.stack([curve.recall, curve.accuracy], axis=1) == pytest.approx(np.array(points), abs=1e-12)


@pytest.mark.parametrize("block", range(10))
def test_every_number_is_that_of_the_literal_rules(block):
    cases = range(block, CASES, 10)
    assert len(cases) > 0
    for seed in cases:
        rng = np.random.default_rng([7, seed])
        images = random_case(rng)
        truth, detections = as_records(images, rng)
        threshold = float(rng.choice([0.0, 0.04, 0.25, 0.5, 1.0]))
        metrics = evaluate_tt100k(truth, detections, score_threshold=threshold, class_names=CLASSES)
        for measure, by_size in (("long_side", metrics.by_long_side), ("area", metrics.by_area)):
            for size, got in by_size.items():
                options = {"threshold": threshold, "measure": measure, "size": size}
                compare(got, images, classes=CLASSES, **options)
                for name in CLASSES:
                    compare(metrics.per_class[name][measure][size], images, classes=(name,), **options)
        # A curve is a hundred evaluations: one of each case, of all classes or of one.
        classes = CLASSES if rng.random() < 0.7 else (str(rng.choice(CLASSES)),)
        measure, size = rng.choice(["long_side", "area"]), rng.choice(["small", "medium", "large", "all"])
        compare_curve(metrics, images, classes=classes, measure=str(measure), size=str(size))


def test_random_cases_hold_what_they_are_meant_to():
    # Without these the comparison would show little: matches, misses, wrong ones, ignored ones, and rivals for a sign.
    right = kept = objects = ignored = greedy_cost = 0
    for seed in range(100):
        images = random_case(np.random.default_rng([7, seed]))
        everything = {"classes": CLASSES, "threshold": 0.0, "measure": "long_side"}
        counts = literal.count_images(images, low=0, high=400, **everything)
        right, kept, objects = right + counts[0], kept + counts[1], objects + counts[2]
        ignored += literal.count_images(images, low=400, high=9999, **everything)[0]
        for signs, found in images:
            rivals = [sum(a == c and literal.iou(b, d) > 0.5 for c, d, _ in found) for a, b in signs]
            greedy_cost += sum(rival > 1 for rival in rivals)
    assert min(right, kept - right, objects - right, ignored, greedy_cost) > 20


def test_counts_per_image_are_those_of_the_literal_rules():
    for seed in range(40):
        rng = np.random.default_rng([8, seed])
        images = random_case(rng)
        truth, detections = as_records(images, rng)
        counts = count_per_image(truth, detections, score_threshold=0.25, class_names=CLASSES)
        for m, (measure, sizes) in enumerate(literal.SIZES.items()):
            for s, (low, high) in enumerate(sizes.values()):
                options = {"classes": CLASSES, "threshold": 0.25, "measure": measure, "low": low, "high": high}
                expected = [literal.count_image(objects, found, **options) for objects, found in images]
                got = [counts.right[0, m, :, s], counts.detections[0, m, :, s], counts.objects[m, :, s]]
                assert np.stack(got, axis=1).tolist() == [list(row) for row in expected]
