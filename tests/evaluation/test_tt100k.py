"""Each rule of the protocol in a case worked by hand. The comparison with a second implementation is beside this."""

import time

import numpy as np
import pytest

from lowres.evaluation.tt100k import count_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_records import SignDetections, SignTruth
from lowres.tt100k_classes import CLASSES_45

BOX = (100.0, 100.0, 120.0, 120.0)  # 20 x 20: small
FAR = (300.0, 300.0, 320.0, 320.0)


def signs(image_id, *objects):
    boxes = np.array([o[1:] for o in objects], dtype=np.float64).reshape(-1, 4)
    return SignTruth(image_id, boxes, tuple(o[0] for o in objects))


def found(image_id, *detections):
    boxes = np.array([d[2:] for d in detections], dtype=np.float64).reshape(-1, 4)
    scores = np.array([d[1] for d in detections], dtype=np.float64)
    return SignDetections(image_id, boxes, tuple(d[0] for d in detections), scores)


def square(side, *, x=0.0, y=0.0):
    return (x, y, x + side, y + side)


def numbers(scores):
    return (scores.num_right, scores.num_detections, scores.num_objects)


def overall(truth, detections, **options):
    return evaluate_tt100k(truth, detections, **options).by_long_side["all"]


def test_one_sign_found_exactly_is_1_everywhere():
    scores = overall([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.9, *BOX))])
    assert (scores.accuracy, scores.recall, scores.f1, scores.auc) == (1.0, 1.0, 1.0, 1.0)
    assert numbers(scores) == (1, 1, 1)


def test_the_protocol_has_45_classes():
    assert len(CLASSES_45) == len(set(CLASSES_45)) == 45
    assert {"i2", "ph4.5", "pl5", "pr40", "wo"} < set(CLASSES_45)
    assert "pl10" not in CLASSES_45


# Which boxes take part


def test_signs_and_detections_of_other_classes_are_ignored():
    truth = [signs("1", ("pl40", *BOX), ("pl10", *FAR))]
    metrics = evaluate_tt100k(truth, [found("1", ("pl40", 0.9, *BOX), ("w1", 0.9, *FAR), ("w1", 0.8, *BOX))])
    assert numbers(metrics.by_long_side["all"]) == (1, 1, 1)
    assert (metrics.other_class_objects, metrics.other_class_detections) == (1, 2)


def test_the_classes_are_a_parameter():
    scores = overall([signs("1", ("pl10", *BOX))], [found("1", ("pl10", 0.9, *BOX))], class_names=("pl10",))
    assert numbers(scores) == (1, 1, 1)


def test_a_score_at_the_threshold_counts_and_one_under_it_does_not():
    truth = [signs("1", ("pl40", *BOX))]
    for score, right in ((0.3, 1), (np.nextafter(0.3, 0), 0)):
        assert numbers(overall(truth, [found("1", ("pl40", score, *BOX))], score_threshold=0.3)) == (right, right, 1)


def test_the_default_threshold_is_40_of_1000():
    for score, kept in ((40 / 1000, 1), (39 / 1000, 0)):
        assert overall([signs("1")], [found("1", ("pl40", score, *BOX))]).num_detections == kept


def test_a_detection_under_the_threshold_does_not_take_a_sign():
    # the closer box has too low a score, so the other one is right
    near = (100.0, 100.0, 120.0, 118.0)
    detections = [found("1", ("pl40", 0.1, *BOX), ("pl40", 0.9, *near))]
    assert numbers(overall([signs("1", ("pl40", *BOX))], detections, score_threshold=0.5)) == (1, 1, 1)


def test_an_image_left_out_of_the_results_counts_as_missed():
    truth = [signs("1", ("pl40", *BOX)), signs("2", ("pl40", *BOX))]
    for detections in ([found("1", ("pl40", 0.9, *BOX))], [found("1", ("pl40", 0.9, *BOX)), found("2")]):
        scores = overall(truth, detections)
        assert (scores.accuracy, scores.recall) == (1.0, 0.5)


def test_a_detection_in_an_image_without_signs_is_wrong():
    truth = [signs("1", ("pl40", *BOX)), signs("2")]
    scores = overall(truth, [found("1", ("pl40", 0.9, *BOX)), found("2", ("pl40", 0.9, *BOX))])
    assert (scores.accuracy, scores.recall) == (0.5, 1.0)


# Matching


def test_iou_of_exactly_a_half_does_not_match():
    # 20 x 20 against 20 x 10 inside it: 200 / 400
    half = (100.0, 100.0, 120.0, 110.0)
    assert overall([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.9, *half))]).num_right == 0
    more = (100.0, 100.0, 120.0, 110.01)
    assert overall([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.9, *more))]).num_right == 1


def test_widths_have_no_plus_one():
    # 4 x 4 against 4 x 2: 0.5 without, (5 * 3) / 25 = 0.6 with one pixel more
    scores = overall([signs("1", ("pl40", 0, 0, 4, 4))], [found("1", ("pl40", 0.9, 0, 0, 4, 2))])
    assert scores.num_right == 0


def test_the_right_box_of_another_class_is_wrong_and_leaves_a_miss():
    metrics = evaluate_tt100k([signs("1", ("pl40", *BOX))], [found("1", ("pl50", 0.9, *BOX))])
    assert numbers(metrics.by_long_side["all"]) == (0, 1, 1)
    assert metrics.by_long_side["all"].f1 == 0.0


def test_the_same_box_in_another_image_does_not_match():
    truth = [signs("1", ("pl40", *BOX)), signs("2")]
    assert overall(truth, [found("2", ("pl40", 0.9, *BOX))]).num_right == 0


def test_a_second_detection_of_a_sign_is_wrong():
    scores = overall([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.9, *BOX), ("pl40", 0.8, *BOX))])
    assert (scores.accuracy, scores.recall) == (0.5, 1.0)


def test_the_higher_iou_takes_the_sign_not_the_higher_score():
    # q overlaps only the upper sign (18/22), p the upper (17/23) and the lower (16/24). The highest IoU is q's, and p goes
    # to the lower sign. By score, p would be first, take the upper sign, its best, and leave q with nothing.
    truth = [signs("1", ("pl40", 0, 0, 20, 20), ("pl40", 0, 7, 20, 27))]
    p, q = (0, 3, 20, 23), (0, -2, 20, 18)
    assert numbers(overall(truth, [found("1", ("pl40", 0.9, *p), ("pl40", 0.1, *q))])) == (2, 2, 2)


def test_a_greedy_match_may_leave_a_pair_that_a_better_assignment_would_find():
    # p is the best for A (19/21) and the only one for B (16/24); q reaches A only: greedy takes p-A and loses B and q.
    truth = [signs("1", ("pl40", 0, 0, 20, 20), ("pl40", 0, 5, 20, 25))]
    p, q = (0, 1, 20, 21), (0, -4, 20, 16)
    assert numbers(overall(truth, [found("1", ("pl40", 0.9, *p), ("pl40", 0.9, *q))])) == (1, 2, 2)


def test_equal_ious_go_to_the_first_sign_in_the_file():
    # p lies between A and B at equal IoU 18/22; whichever it takes decides whether q, which reaches A only, is left.
    a, b, p, q = (0, 0, 20, 20), (0, 4, 20, 24), (0, 2, 20, 22), (0, -5, 20, 15)
    detections = [found("1", ("pl40", 0.9, *p), ("pl40", 0.9, *q))]
    assert overall([signs("1", ("pl40", *a), ("pl40", *b))], detections).num_right == 1
    assert overall([signs("1", ("pl40", *b), ("pl40", *a))], detections).num_right == 2


def test_a_box_without_area_matches_nothing():
    point = (5.0, 5.0, 5.0, 5.0)
    scores = overall([signs("1", ("pl40", *point))], [found("1", ("pl40", 0.9, *point))])
    assert numbers(scores) == (0, 1, 1)


# Sizes


@pytest.mark.parametrize(
    ("long_side", "size"),
    [(31.9, "small"), (32, "medium"), (95.9, "medium"), (96, "large"), (399.9, "large"), (400, None)],
)
def test_size_is_the_long_side_in_half_open_bins(long_side, size):
    thin = (0.0, 0.0, 10.0, float(long_side))
    for boxes in ([("pl40", *thin)], []):  # a sign with its match, and a detection that is wrong
        metrics = evaluate_tt100k([signs("1", *boxes)], [found("1", ("pl40", 0.9, *thin))])
        counted = {name for name, scores in metrics.by_long_side.items() if scores.num_detections}
        assert counted == ({size, "all"} if size else set())
        assert {name for name, scores in metrics.by_long_side.items() if scores.num_objects} == (
            counted if boxes else set()
        )


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(16, 63.9, "small"), (16, 64, "medium"), (96, 95.9, "medium"), (96, 96, "large"), (500, 500, "large")],
)
def test_size_is_also_reported_by_area_without_an_upper_limit(width, height, size):
    box = (0.0, 0.0, float(width), float(height))
    metrics = evaluate_tt100k([signs("1", ("pl40", *box))], [found("1", ("pl40", 0.9, *box))])
    assert {name for name, scores in metrics.by_area.items() if numbers(scores) == (1, 1, 1)} == {size, "all"}


def test_a_sign_outside_the_bin_is_ignored_with_its_match():
    # The sign is medium (40), the detection would be small (30.1 x 30.1, IoU 0.566): nothing is left among the small.
    sign, smaller = square(40.0), square(30.1)
    metrics = evaluate_tt100k([signs("1", ("pl40", *sign))], [found("1", ("pl40", 0.9, *smaller))])
    assert numbers(metrics.by_long_side["small"]) == (0, 0, 0)
    assert numbers(metrics.by_long_side["medium"]) == (1, 1, 1)


def test_an_unmatched_detection_is_binned_by_its_own_size():
    metrics = evaluate_tt100k([signs("1", ("pl40", *square(40.0)))], [found("1", ("pl40", 0.9, *square(20.0)))])
    assert numbers(metrics.by_long_side["small"]) == (0, 1, 0)
    assert numbers(metrics.by_long_side["medium"]) == (0, 0, 1)


def test_matches_are_made_before_sizes_are_looked_at():
    # The detection (31) is closer to the medium sign (33: 961/1089) than to the small one (25: 625/961), and takes it:
    # the small sign is missed, though it alone would have been found.
    truth = [signs("1", ("pl40", *square(33.0)), ("pl40", *square(25.0)))]
    metrics = evaluate_tt100k(truth, [found("1", ("pl40", 0.9, *square(31.0)))])
    assert numbers(metrics.by_long_side["small"]) == (0, 0, 1)
    assert numbers(metrics.by_long_side["medium"]) == (1, 1, 1)


def test_a_sign_of_400_px_is_ignored_with_its_match_but_counts_by_area():
    metrics = evaluate_tt100k(
        [signs("1", ("pl40", *square(400.0)))], [found("1", ("pl40", 0.9, *square(390.0)), ("pl40", 0.9, *BOX))]
    )
    assert numbers(metrics.by_long_side["all"]) == (0, 1, 0)
    assert numbers(metrics.by_area["all"]) == (1, 2, 1)


# Ratios


def test_counts_are_added_over_classes_before_dividing():
    # pl40: 1 of 1 found, 1 right of 1; i2: 1 of 3 found, 1 right of 4
    objects = [("pl40", *BOX), *(("i2", *square(20.0, x=50.0 * i)) for i in range(3))]
    detections = [("pl40", 0.9, *BOX), *(("i2", 0.9, *square(20.0, x=50.0 * i, y=900.0 * (i > 0))) for i in range(4))]
    metrics = evaluate_tt100k([signs("1", *objects)], [found("1", *detections)])
    scores = metrics.by_long_side["all"]
    assert (scores.accuracy, scores.recall) == (2 / 5, 2 / 4)  # not the means 5/8 and 2/3
    assert scores.f1 == pytest.approx(2 * 0.4 * 0.5 / 0.9, abs=1e-15)
    of_class = {name: metrics.per_class[name]["long_side"]["all"] for name in ("pl40", "i2", "wo")}
    assert numbers(of_class["pl40"]) == (1, 1, 1)
    assert (of_class["i2"].accuracy, of_class["i2"].recall) == (1 / 4, 1 / 3)
    assert numbers(of_class["wo"]) == (0, 0, 0)


def test_an_empty_denominator_is_1():
    nothing = overall([signs("1")], [])
    assert (nothing.accuracy, nothing.recall, nothing.f1) == (1.0, 1.0, 1.0)
    unfound = overall([signs("1", ("pl40", *BOX))], [])
    assert (unfound.accuracy, unfound.recall, unfound.f1) == (1.0, 0.0, 0.0)
    invented = overall([signs("1")], [found("1", ("pl40", 0.9, *BOX))])
    assert (invented.accuracy, invented.recall, invented.f1) == (0.0, 1.0, 0.0)


def test_no_images_at_all_are_ones():
    assert numbers(overall([], [])) == (0, 0, 0)


# The curve


def curve_of(truth, detections, size="all"):
    return evaluate_tt100k(truth, detections).curves["long_side"][size]


def test_thresholds_of_the_curve_go_from_0_to_the_highest_score_in_100_steps():
    curve = curve_of([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.99, *BOX), ("pl40", 0.2, *FAR))])
    assert len(curve.thresholds) == 100
    assert (curve.thresholds[0], curve.thresholds[-1]) == (0.0, 0.99)
    assert curve.thresholds[1] == pytest.approx(0.01, abs=1e-15)


def test_the_highest_score_is_that_of_any_class():
    curve = curve_of([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.5, *BOX), ("w1", 0.9, *FAR))])
    assert curve.thresholds[-1] == 0.9


def test_the_curve_begins_at_recall_1_accuracy_0_and_ends_at_recall_0_accuracy_1():
    curve = curve_of([signs("1", ("pl40", *BOX))], [found("1", ("i2", 0.9, *BOX))])
    assert (len(curve.recall), len(curve.accuracy)) == (102, 102)
    assert (curve.recall[0], curve.accuracy[0]) == (1.0, 0.0)
    assert (curve.recall[-1], curve.accuracy[-1]) == (0.0, 1.0)


def test_the_curve_has_a_step_where_a_score_is_passed_and_its_area():
    # Right at 0.99 and at 0.25, wrong at 0.5: thresholds 0 to 0.25 (26 of them: 0, 0.01, ...) keep 2 right of 3 at
    # recall 1, those to 0.5 (25 more) keep 1 right of 2 at recall 1/2, held at 2/3, the other 49 keep 1 of 1.
    truth = [signs("1", ("pl40", *BOX), ("pl40", *FAR))]
    detections = [found("1", ("pl40", 0.99, *BOX), ("pl40", 0.255, *FAR), ("pl40", 0.505, *square(20.0)))]
    metrics = evaluate_tt100k(truth, detections)
    curve = metrics.curves["long_side"]["all"]
    assert curve.recall == [1.0] + [1.0] * 26 + [0.5] * 74 + [0.0]
    assert curve.accuracy == pytest.approx([0.0] + [2 / 3] * 26 + [2 / 3] * 25 + [1.0] * 49 + [1.0], abs=1e-15)
    # from recall 1 to 1/2 at 2/3, from 1/2 to 0 at 1
    assert metrics.by_long_side["all"].auc == pytest.approx(0.5 * 2 / 3 + 0.5, abs=1e-15)


def test_the_line_to_recall_1_falls_to_accuracy_0():
    # one of two found: from recall 1 (0) straight to recall 1/2 (1), then 1 to recall 0
    scores = overall([signs("1", ("pl40", *BOX), ("pl40", *FAR))], [found("1", ("pl40", 0.9, *BOX))])
    assert scores.auc == pytest.approx(0.5 * 0.5 + 0.5, abs=1e-15)


def test_each_size_has_a_curve_of_its_own():
    truth = [signs("1", ("pl40", *BOX), ("pl40", *square(50.0)))]
    detections = [found("1", ("pl40", 0.9, *square(50.0)))]
    assert curve_of(truth, detections, "medium").recall == [1.0] * 101 + [0.0]
    assert curve_of(truth, detections, "small").recall == [1.0] + [0.0] * 101


def test_the_area_is_undefined_without_signs_or_without_detections():
    for truth, detections in (
        ([signs("1", ("pl40", *BOX))], []),
        ([signs("1")], [found("1", ("pl40", 0.9, *BOX))]),
        ([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.9, *square(50.0)))]),  # none of this size
    ):
        assert evaluate_tt100k(truth, detections).by_long_side["small"].auc is None
    assert evaluate_tt100k([signs("1", ("pl40", *BOX))], []).curves == {}


def test_scores_of_0_alone_still_make_a_curve():
    curve = curve_of([signs("1", ("pl40", *BOX))], [found("1", ("pl40", 0.0, *BOX))])
    assert (set(curve.thresholds), curve.recall[1:-1]) == ({0.0}, [1.0] * 100)


# Counts per image, for intervals


def test_counts_per_image_add_up_to_the_whole():
    truth = [signs("1", ("pl40", *BOX)), signs("2"), signs("3", ("i2", *BOX), ("i2", *square(50.0)))]
    detections = [found("3", ("i2", 0.9, *BOX)), found("1", ("pl40", 0.9, *FAR))]
    counts = count_per_image(truth, detections)
    assert counts.right[0, 0, :, 3].tolist() == [0, 0, 1]
    assert counts.detections[0, 0, :, 3].tolist() == [1, 0, 1]
    assert counts.objects[0, :, 3].tolist() == [1, 0, 2]
    assert counts.objects[0, 2].tolist() == [1, 1, 0, 2]


# What is refused


@pytest.mark.parametrize(
    ("truth", "detections", "message"),
    [
        ([signs("1"), signs("1")], [], "truth: image '1' appears twice"),
        ([signs("1")], [found("1"), found("1")], "detections: image '1' appears twice"),
        ([signs("1")], [found("2")], "detections of image '2': not in the truth"),
        ([signs("1", ("pl40", 0, 0, float("nan"), 9))], [], r"truth of image '1': \[0.0, 0.0, nan, 9.0\] is no box"),
        ([signs("1")], [found("1", ("pl40", 0.5, 9, 0, 0, 9))], "detections of image '1': .* ends before it begins"),
        ([signs("1")], [found("1", ("pl40", 900.0, *BOX))], "image '1': 900.0 is a score outside"),
        ([signs("1")], [found("1", ("pl40", float("nan"), *BOX))], "image '1': nan is a score outside"),
        ([SignTruth("1", np.zeros((2, 4)), ("pl40",))], [], r"boxes have shape \(2, 4\) for 1 categories"),
        ([signs("1")], [SignDetections("1", np.zeros((1, 4)), ("pl40",), np.zeros(2))], r"scores have shape \(2,\)"),
    ],
)
def test_what_would_give_a_wrong_number_is_refused(truth, detections, message):
    with pytest.raises(ValueError, match=message):
        evaluate_tt100k(truth, detections)


@pytest.mark.parametrize("options", [{"score_threshold": 40}, {"iou_threshold": -0.1}, {"class_names": ("a", "a")}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        evaluate_tt100k([signs("1")], [], **options)


def whole_test_split():
    """As many images as the test split has, about 2.5 signs and 35 detections in each: near a sign, or anywhere."""
    rng = np.random.default_rng(0)
    truth, detections = [], []
    for number in range(3071):
        boxes = boxes_anywhere(rng, int(rng.integers(0, 6)))
        categories = tuple(rng.choice(CLASSES_45, len(boxes)).tolist())
        near = np.repeat(boxes, 3, axis=0) + rng.normal(0, 3, (3 * len(boxes), 4))
        found = np.concatenate([near, boxes_anywhere(rng, 28)])
        found = np.concatenate([found[:, :2], np.maximum(found[:, :2], found[:, 2:])], axis=1)
        names = (*np.repeat(categories, 3).tolist(), *rng.choice(CLASSES_45, 28).tolist())
        truth.append(SignTruth(str(number), boxes, categories))
        detections.append(SignDetections(str(number), found, names, rng.beta(1, 4, len(found))))
    return truth, detections


def boxes_anywhere(rng, count):
    corners, sides = rng.uniform(0, 1900, (count, 2)), np.exp(rng.uniform(2, 5, (count, 2)))
    return np.concatenate([corners, corners + sides], axis=1)


def test_a_whole_test_split_with_its_curves_takes_under_2_s_of_cpu():
    # A tenth of this on one core; a loop over boxes takes far more. The better of two keeps a busy machine out of it.
    truth, detections = whole_test_split()
    assert sum(len(image.scores) for image in detections) > 100_000
    took = []
    for _ in range(2):
        began = time.process_time()
        assert evaluate_tt100k(truth, detections).by_long_side["all"].num_right > 5000
        took.append(time.process_time() - began)
    assert min(took) < 2
