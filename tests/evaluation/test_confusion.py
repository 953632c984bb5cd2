import numpy as np
import pytest

from lowres.evaluation.confusion import ImageMatch, best_median_worst, confusion_matrix, match_images

A = (0.0, 0.0, 20.0, 20.0)
B = (50.0, 50.0, 70.0, 70.0)
C = (100.0, 100.0, 120.0, 120.0)


def confusion(truth, detections, **options):
    return confusion_matrix(truth, detections, num_classes=2, score_threshold=options.pop("score", 0.5), **options)


def counts_of(truth, detections, **options):
    (match,) = match_images(truth, detections, num_classes=2, score_threshold=options.pop("score", 0.5), **options)
    return match.true_positives, match.false_positives, match.false_negatives


def test_hit_mistake_false_alarm_and_miss_have_their_places(truth_of, found_of):
    truth = truth_of(1, (0, *A), (0, *B), (1, *C))
    found = found_of(1, (0, 0.9, *A), (1, 0.8, *B), (1, 0.7, 200, 200, 220, 220))
    matrix = confusion([truth], [found])
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [
        [1, 1, 0],  # one 0 found, one taken for 1
        [0, 0, 1],  # the 1 was missed
        [0, 1, 0],  # background taken for 1
    ]


def test_the_higher_score_takes_the_object(truth_of, found_of):
    matrix = confusion([truth_of(1, (0, *A))], [found_of(1, (0, 0.6, *A), (1, 0.9, *A))])
    assert matrix.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_between_equal_ious_the_own_class_is_taken(truth_of, found_of):
    matrix = confusion([truth_of(1, (0, *A), (1, *A))], [found_of(1, (1, 0.9, *A))])
    assert matrix.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_scores_count_from_the_threshold_on(truth_of, found_of):
    arguments = [truth_of(1, (0, *A))], [found_of(1, (0, 0.5, *A))]
    assert confusion(*arguments, score=0.5).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert confusion(*arguments, score=0.51).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_iou_counts_from_the_threshold_on(truth_of, found_of):
    half = (0.0, 0.0, 20.0, 10.0)  # IoU 0.5 with A
    arguments = [truth_of(1, (0, *A))], [found_of(1, (0, 0.9, *half))]
    assert confusion(*arguments).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert confusion(*arguments, iou_threshold=0.51).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_a_crowd_swallows_detections_of_its_class_only(truth_of, found_of):
    truth = truth_of(1, (0, 0, 0, 100, 100), crowd=(0,))
    found = found_of(1, (0, 0.9, *A), (1, 0.9, *B))
    assert confusion([truth], [found]).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert counts_of([truth], [found]) == (0, 1, 0)


def test_images_without_detections_or_objects_count(truth_of, found_of):
    matrix = confusion([truth_of(1, (0, *A)), truth_of(2)], [found_of(2, (1, 0.9, *B))])
    assert matrix.tolist() == [[0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_no_images_make_an_empty_matrix():
    assert confusion([], []).tolist() == [[0, 0, 0]] * 3


def test_rows_and_columns_add_up(random_scene):
    truth, detections = random_scene(6)
    matrix = confusion_matrix(truth, detections, num_classes=3, score_threshold=0.4)
    objects = np.concatenate([image.labels[~image.iscrowd] for image in truth])
    assert matrix[:3].sum(axis=1).tolist() == np.bincount(objects, minlength=3).tolist()
    kept = np.concatenate([image.labels[image.scores >= 0.4] for image in detections])
    assert (matrix[:, :3].sum(axis=0) <= np.bincount(kept, minlength=3)).all()  # less what crowds swallowed
    assert matrix[3, 3] == 0


def test_a_match_of_an_image_needs_the_same_class(truth_of, found_of):
    truth = truth_of(1, (0, *A), (0, *B), (1, *C))
    found = found_of(1, (0, 0.9, *A), (1, 0.8, *B), (1, 0.7, *C))
    assert counts_of([truth], [found]) == (2, 1, 1)


def test_f1_and_mean_iou_of_an_image(truth_of, found_of):
    truth = truth_of(1, (0, *A), (0, *B), (1, *C))
    found = found_of(1, (0, 0.9, *A), (0, 0.8, 50, 50, 70, 66))  # IoU 1 and 0.8
    (match,) = match_images([truth], [found], num_classes=2, score_threshold=0.5)
    assert match.f1 == pytest.approx(0.8, abs=1e-12)  # 2 of 2 found, 2 of 3 objects
    assert match.mean_iou == pytest.approx(0.9, abs=1e-12)


def test_an_image_with_nothing_to_find_and_nothing_found_has_no_f1(truth_of):
    (match,) = match_images([truth_of(1)], [], num_classes=2, score_threshold=0.5)
    assert match.f1 is None
    assert best_median_worst([match], 2) == {"best": [], "median": [], "worst": []}


def test_matches_come_in_the_order_of_the_truth(random_scene):
    truth, detections = random_scene(7)
    matches = match_images(truth, detections[::-1], num_classes=3, score_threshold=0.4)
    assert [match.image_id for match in matches] == [image.image_id for image in truth]


def image_match(image_id, hits, false_alarms=0, misses=0, iou=0.9):
    return ImageMatch(image_id, hits, false_alarms, misses, iou if hits else None)


def test_best_median_and_worst_images_by_f1_then_objects_then_iou():
    matches = [
        image_match(1, 1),
        image_match(2, 5),  # perfect, and more of it than image 1
        image_match(3, 2, misses=2),
        image_match(4, 0, misses=1),
        image_match(5, 0, misses=4),  # hopeless, and more of it than image 4
        image_match(6, 5, iou=0.95),
        image_match(7, 0),  # nothing to tell
    ]
    assert best_median_worst(matches, 1) == {"best": [6], "median": [3], "worst": [5]}
    assert best_median_worst(matches, 2) == {"best": [6, 2], "median": [3, 1], "worst": [5, 4]}


@pytest.mark.parametrize("num_images", range(9))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_image_is_chosen_twice(num_images, count):
    chosen = best_median_worst([image_match(i, i, misses=3) for i in range(num_images)], count)
    ids = [image_id for kind in chosen.values() for image_id in kind]
    assert len(set(ids)) == len(ids) == min(num_images, 3 * count)


@pytest.mark.parametrize(("score", "iou"), [(-0.1, 0.5), (1.1, 0.5), (0.5, 0.0), (0.5, 1.5)])
def test_impossible_thresholds_are_refused(score, iou):
    with pytest.raises(ValueError, match=r"threshold: .* is outside"):
        confusion([], [], score=score, iou_threshold=iou)
