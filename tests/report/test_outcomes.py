import numpy as np
import pytest

from lowres.evaluation.confusion import match_images
from lowres.records import ImageDetections, ImageTruth
from lowres.report.outcomes import compare, truth_boxes


def truth(boxes, labels, crowd=None):
    boxes = np.array(boxes, float).reshape(-1, 4)
    crowd = np.zeros(len(labels), bool) if crowd is None else np.array(crowd)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return ImageTruth(1, 200, 200, boxes, np.array(labels, np.int64), crowd, area)


def found(boxes, labels, scores):
    return ImageDetections(
        1, np.array(boxes, float).reshape(-1, 4), np.array(scores, float), np.array(labels, np.int64)
    )


def test_two_detections_of_one_object_are_one_found_and_one_false():
    judged = compare(
        truth([[0, 0, 10, 10]], [0]),
        found([[0, 0, 10, 9], [0, 0, 10, 10]], [0, 0], [0.6, 0.9]),
        score_threshold=0.5,
    )
    assert judged.outcomes == ["found", "false"]
    assert judged.scores.tolist() == [0.9, 0.6]


def test_wrong_class_is_false_and_its_object_missed():
    judged = compare(truth([[0, 0, 10, 10]], [0]), found([[0, 0, 10, 10]], [1], [0.9]), score_threshold=0.5)
    assert judged.outcomes == ["false", "missed"]
    assert judged.labels.tolist() == [1, 0]
    assert np.isnan(judged.scores[1])


def test_iou_of_a_half_is_found_and_less_is_not():
    objects = truth([[0, 0, 10, 10]], [0])
    half = compare(objects, found([[0, 0, 10, 5]], [0], [0.9]), score_threshold=0.5)
    less = compare(objects, found([[0, 0, 10, 4.9]], [0], [0.9]), score_threshold=0.5)
    assert half.outcomes == ["found"]
    assert less.outcomes == ["false", "missed"]


def test_low_scores_are_left_out():
    judged = compare(truth([], []), found([[0, 0, 9, 9], [20, 20, 29, 29]], [0, 0], [0.49, 0.5]), score_threshold=0.5)
    assert judged.outcomes == ["false"]


def test_crowd_is_neither_found_nor_missed():
    objects = truth([[0, 0, 100, 100]], [0], [True])
    judged = compare(objects, found([[10, 10, 20, 20], [150, 150, 160, 160]], [0, 0], [0.9, 0.8]), score_threshold=0.5)
    assert judged.outcomes == ["crowd", "false"]
    assert truth_boxes(objects).outcomes == ["crowd"]


def test_nothing_at_all_is_empty():
    judged = compare(truth([], []), found([], [], []), score_threshold=0.5)
    assert judged.outcomes == []
    assert judged.boxes_xyxy_px.shape == (0, 4)


@pytest.mark.parametrize("seed", range(20))
def test_counts_are_those_of_the_evaluation(seed):
    rng = np.random.default_rng(seed)

    def boxes(number):
        corner = rng.uniform(0, 60, (number, 2))
        return np.concatenate([corner, corner + rng.uniform(10, 60, (number, 2))], axis=1)

    objects = truth(boxes(6), rng.integers(0, 2, 6), rng.random(6) < 0.2)
    shaken = np.concatenate([objects.boxes_xyxy_px + rng.normal(0, 4, (6, 4)), boxes(5)])
    shaken[:, 2:] = np.maximum(shaken[:, 2:], shaken[:, :2] + 1)
    detections = found(shaken, rng.integers(0, 2, 11), rng.random(11))
    judged = compare(objects, detections, score_threshold=0.3)
    expected = match_images([objects], [detections], num_classes=2, score_threshold=0.3)[0]
    assert judged.number("found") == expected.true_positives
    assert judged.number("false") == expected.false_positives
    assert judged.number("missed") == expected.false_negatives
