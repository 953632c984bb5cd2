"""Against pycocotools driven by hand: its own matching, its own accumulation, its own twelve numbers."""

import numpy as np
import pytest
from pycocotools.cocoeval import Params
from tests.evaluation.pycocotools_by_hand import evaluated_by_hand, summary_by_hand

from lowres.evaluation.coco import evaluate_detections, match_detections
from lowres.evaluation.matching import IOU_THRESHOLDS, RECALL_POINTS, accumulate
from lowres.records import ImageDetections, ImageTruth

NAMES = ("a", "b", "c")
SUMMARY = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")


def pycocotools_by_hand(truth, detections, *, long_side_ratio=None, ranges=None):
    """With a ratio, sizes are long sides over it instead of areas."""
    ratio = long_side_ratio
    long_side = None if ratio is None else lambda image, box_xywh: max(box_xywh[2:]) / ratio
    return evaluated_by_hand(truth, detections, num_classes=len(NAMES), long_side=long_side, ranges=ranges)


def test_thresholds_and_recall_points_are_those_of_pycocotools():
    assert (Params("bbox").iouThrs == IOU_THRESHOLDS).all()
    assert (Params("bbox").recThrs == RECALL_POINTS).all()


@pytest.mark.parametrize("seed", range(8))
def test_summary_equals_pycocotools_by_hand(random_scene, seed):
    truth, detections = random_scene(seed)
    expected = summary_by_hand(truth, detections, num_classes=len(NAMES))
    ours = evaluate_detections(truth, detections, class_names=NAMES)
    assert [getattr(ours, name) for name in SUMMARY] == pytest.approx(expected, abs=1e-12)
    assert 0.05 < ours.ap < 0.95  # the scenes tell good from bad


@pytest.mark.parametrize("seed", range(8))
def test_every_cell_equals_the_original_matching(random_scene, seed):
    truth, detections = random_scene(seed)
    reference = pycocotools_by_hand(truth, detections)
    matches = match_detections(truth, detections, class_names=NAMES)
    compared = 0
    for index, expected in enumerate(reference.evalImgs):
        label, rest = divmod(index, 4 * len(truth))
        size_range, image = divmod(rest, len(truth))
        cell = matches.cells[label][image]
        if expected is None:
            assert cell is None
            continue
        ours = cell[size_range]
        assert ours["dtScores"].tolist() == expected["dtScores"]
        assert np.array_equal(ours["dtMatches"], expected["dtMatches"] > 0)
        assert np.array_equal(ours["dtIgnore"], expected["dtIgnore"])
        assert sorted(ours["gtIgnore"].tolist()) == sorted(expected["gtIgnore"].tolist())
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("seed", range(4))
def test_thumbnail_bins_equal_pycocotools_with_lengths_for_areas(random_scene, seed):
    truth, detections = random_scene(seed)
    ours = evaluate_detections(truth, detections, class_names=NAMES, thumbnail_ratio=4, thumbnail_bins_px=(0, 4, 9, 50))
    ranges = [[0, np.nextafter(4, 0)], [4, np.nextafter(9, 0)], [9, np.nextafter(50, 0)]]
    reference = pycocotools_by_hand(truth, detections, long_side_ratio=4, ranges=ranges)
    for index, size_bin in enumerate(ours.by_thumbnail_size):
        precision = reference.eval["precision"][..., index, -1]
        recall = reference.eval["recall"][..., index, -1]
        assert size_bin.ap == pytest.approx(precision[precision > -1].mean(), abs=1e-12)
        assert size_bin.ap50 == pytest.approx(precision[0][precision[0] > -1].mean(), abs=1e-12)
        assert size_bin.ar == pytest.approx(recall[recall > -1].mean(), abs=1e-12)


def test_a_resampled_accumulation_equals_evaluating_the_resampled_images(random_scene):
    truth, detections = random_scene(0)
    matches = match_detections(truth, detections, class_names=NAMES)
    drawn = np.random.default_rng(1).integers(0, len(truth), len(truth))
    by_truth = {image.image_id: image for image in truth}
    by_found = {image.image_id: image for image in detections}
    new_truth, new_detections = [], []
    for new_id, position in enumerate(drawn.tolist()):
        image = by_truth[matches.image_ids[position]]
        new_truth.append(ImageTruth(new_id, *(getattr(image, f) for f in list(ImageTruth.__dataclass_fields__)[1:])))
        if image.image_id in by_found:
            found = by_found[image.image_id]
            new_detections.append(ImageDetections(new_id, found.boxes_xyxy_px, found.scores, found.labels))
    expected = accumulate(match_detections(new_truth, new_detections, class_names=NAMES))
    resampled = accumulate(matches, images=drawn)
    assert np.array_equal(resampled.precision, expected.precision)
    assert np.array_equal(resampled.recall, expected.recall)


def test_neither_the_order_of_images_nor_of_detections_matters(random_scene):
    truth, detections = random_scene(2)
    distinct = np.random.default_rng(0).permutation(10_000) / 10_000
    used = 0
    for i, image in enumerate(detections):
        scores = distinct[used : used + len(image.scores)]
        used += len(scores)
        detections[i] = ImageDetections(image.image_id, image.boxes_xyxy_px, scores, image.labels)
    shuffled = []
    for image in reversed(detections):
        order = np.random.default_rng(len(image.scores)).permutation(len(image.scores))
        shuffled.append(
            ImageDetections(image.image_id, image.boxes_xyxy_px[order], image.scores[order], image.labels[order])
        )
    assert evaluate_detections(truth, detections, class_names=NAMES) == evaluate_detections(
        truth[::-1], shuffled, class_names=NAMES
    )
