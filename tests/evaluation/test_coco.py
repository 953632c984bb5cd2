"""Cases worked by hand. The comparison with pycocotools on random scenes is in test_matching."""

import json
import math

import pytest

from lowres.evaluation.coco import evaluate_detections

# pycocotools adds 2.2e-16 to every denominator: its 1 is 0.9999999999999998.
ONE = pytest.approx(1, abs=1e-12)
BOX = (10.0, 10.0, 30.0, 30.0)
FAR = (100.0, 100.0, 120.0, 120.0)


def evaluate(truth, detections, **options):
    return evaluate_detections(truth, detections, class_names=options.pop("class_names", ("a", "b")), **options)


def test_one_object_found_exactly_is_ap_1(truth_of, found_of):
    metrics = evaluate([truth_of(5, (0, *BOX))], [found_of(5, (0, 0.3, *BOX))])
    assert (metrics.ap, metrics.ap50, metrics.ap75, metrics.ar_1, metrics.ar_100) == (ONE, ONE, ONE, 1.0, 1.0)


def test_iou_between_thresholds_counts_for_those_below(truth_of, found_of):
    # 20 x 20 against 20 x 14.4 inside it: IoU 0.72, so thresholds 0.50 to 0.70 (5 of 10) are met
    metrics = evaluate([truth_of(5, (0, *BOX))], [found_of(5, (0, 0.3, 10, 10, 30, 24.4))])
    assert metrics.ap == pytest.approx(0.5, abs=1e-12)
    assert (metrics.ap50, metrics.ap75) == (ONE, 0.0)


def test_iou_at_a_threshold_meets_it(truth_of, found_of):
    metrics = evaluate([truth_of(5, (0, *BOX))], [found_of(5, (0, 0.3, 10, 10, 30, 20))])  # IoU 0.5 exactly
    assert metrics.ap50 == ONE
    assert metrics.ap == pytest.approx(0.1, abs=1e-12)


def test_one_of_two_objects_missed_is_51_of_101_recall_points(truth_of, found_of):
    metrics = evaluate([truth_of(1, (0, *BOX), (0, *FAR))], [found_of(1, (0, 0.9, *BOX))])
    assert metrics.ap == pytest.approx(51 / 101, abs=1e-12)  # recall reaches 0.5: points 0.00 to 0.50
    assert metrics.ar_100 == 0.5


def test_a_false_positive_ranked_higher_halves_precision(truth_of, found_of):
    found = found_of(1, (0, 0.9, *FAR), (0, 0.8, *BOX))
    assert evaluate([truth_of(1, (0, *BOX))], [found]).ap == pytest.approx(0.5, abs=1e-12)


def test_a_false_positive_ranked_lower_costs_nothing(truth_of, found_of):
    found = found_of(1, (0, 0.9, *BOX), (0, 0.8, *FAR))
    assert evaluate([truth_of(1, (0, *BOX))], [found]).ap == ONE


def test_a_false_positive_in_an_image_without_objects_hurts(truth_of, found_of):
    detections = [found_of(1, (0, 0.8, *BOX)), found_of(2, (0, 0.9, *BOX))]
    assert evaluate([truth_of(1, (0, *BOX)), truth_of(2)], detections).ap == pytest.approx(0.5, abs=1e-12)


def test_a_duplicate_is_a_false_positive(truth_of, found_of):
    found = found_of(1, (0, 0.9, *BOX), (0, 0.8, *BOX), (0, 0.7, *FAR))
    # ranked: hit, duplicate, hit of 2: precision 1 up to recall 0.5, then 2/3
    metrics = evaluate([truth_of(1, (0, *BOX), (0, *FAR))], [found])
    assert metrics.ap == pytest.approx((51 * 1 + 50 * 2 / 3) / 101, abs=1e-12)


def test_the_right_box_of_the_wrong_class_is_no_hit(truth_of, found_of):
    metrics = evaluate([truth_of(1, (0, *BOX))], [found_of(1, (1, 0.9, *BOX))])
    assert metrics.ap == 0.0
    assert metrics.per_class["a"].ap == 0.0
    assert metrics.per_class["b"].ap is None  # no object of it: undefined, not counted in the mean


def test_ap_is_the_mean_over_classes_with_objects(truth_of, found_of):
    metrics = evaluate([truth_of(1, (0, *BOX), (1, *FAR))], [found_of(1, (0, 0.9, *BOX))], class_names=("a", "b", "c"))
    assert metrics.ap == pytest.approx(0.5, abs=1e-12)
    assert [(c.ap, c.ap50, c.num_objects) for c in metrics.per_class.values()] == [
        (ONE, ONE, 1),
        (0, 0, 1),
        (None, None, 0),
    ]


def test_no_detections_at_all_is_ap_0(truth_of, found_of):
    for detections in ([], [found_of(1)]):
        metrics = evaluate([truth_of(1, (0, *BOX))], detections)
        assert (metrics.ap, metrics.ar_100, metrics.num_detections) == (0.0, 0.0, 0)


def test_no_objects_at_all_leave_ap_undefined(truth_of, found_of):
    metrics = evaluate([truth_of(1)], [found_of(1, (0, 0.9, *BOX))])
    assert metrics.ap is None
    assert metrics.ar_100 is None
    assert metrics.num_objects == 0


def test_no_images_leave_ap_undefined():
    metrics = evaluate([], [])
    assert metrics.ap is None
    assert metrics.num_images == 0


def test_a_crowd_is_neither_found_nor_missed(truth_of, found_of):
    truth = truth_of(1, (0, *BOX), (0, 50, 50, 150, 150), crowd=(1,))
    inside = [(0, 0.95 - i / 100, 60 + i, 60, 80 + i, 80) for i in range(3)]
    metrics = evaluate([truth], [found_of(1, (0, 0.5, *BOX), *inside)])
    assert metrics.ap == ONE
    assert metrics.num_objects == 1


def test_coco_sizes_go_by_area_of_the_annotation(truth_of, found_of):
    # a 20 x 100 box with a mask of 900 px^2 is small; as a box it would be medium
    thin = (10.0, 10.0, 30.0, 110.0)
    metrics = evaluate([truth_of(1, (0, *thin), area=[900])], [found_of(1, (0, 0.9, *thin))])
    assert (metrics.ap_small, metrics.ap_medium, metrics.ap_large) == (ONE, None, None)


def test_fewer_detections_are_kept_on_request(truth_of, found_of):
    found = found_of(1, (0, 0.9, *FAR), (0, 0.8, *BOX))
    metrics = evaluate([truth_of(1, (0, *BOX))], [found], max_detections=1)
    assert (metrics.ap, metrics.ar_1, metrics.ar_10, metrics.ar_100) == (0.0, 0.0, 0.0, 0.0)


def test_more_detections_are_kept_on_request(truth_of, found_of):
    wrong = [(0, 0.9, 100 + i, 100, 120 + i, 120) for i in range(120)]
    arguments = [truth_of(1, (0, *BOX))], [found_of(1, *wrong, (0, 0.5, *BOX))]
    assert evaluate(*arguments).ap == 0.0
    more = evaluate(*arguments, max_detections=300)
    assert more.ap == pytest.approx(1 / 121, abs=1e-12)
    assert more.ar_100 == 0.0  # still of the first hundred


# Thumbnails: ratio 4, so BOX (20 px) is 5 px there and falls in [4, 8).


def test_objects_fall_into_bins_of_their_long_side_on_the_thumbnail(truth_of, found_of):
    wide = (100.0, 100.0, 140.0, 102.0)  # 40 x 2 px: 10 px on the thumbnail, though its area is tiny
    truth = truth_of(1, (0, *BOX), (0, *wide))
    metrics = evaluate([truth], [found_of(1, (0, 0.9, *BOX))], thumbnail_ratio=4)
    bins = {(b.low_px, b.high_px): (b.num_objects, b.ap, b.ar) for b in metrics.by_thumbnail_size}
    assert bins == {
        (0, 2): (0, None, None),
        (2, 4): (0, None, None),
        (4, 8): (1, ONE, 1.0),
        (8, 16): (1, 0.0, 0.0),
        (16, None): (0, None, None),
    }


def test_bins_follow_the_size_at_which_an_image_enters_the_model(truth_of, found_of):
    # 40 x 10 px stored; half as wide and twice as high in the input, so 20 x 20 px there and 5 px on the thumbnail
    box = (0.0, 0.0, 40.0, 10.0)
    seen = []

    def input_scale(width, height):
        seen.append((width, height))
        return 0.5, 2.0

    metrics = evaluate(
        [truth_of(1, (0, *box))], [found_of(1, (0, 0.9, *box))], thumbnail_ratio=4, input_scale=input_scale
    )
    assert [b.num_objects for b in metrics.by_thumbnail_size] == [0, 0, 1, 0, 0]
    assert metrics.by_thumbnail_size[2].ap == ONE
    assert set(seen) == {(256, 256)}


def test_bins_are_half_open(truth_of, found_of):
    edge = (0.0, 0.0, 24.0, 5.0)  # 8 px at ratio 3: in [8, 16), not in [4, 8)
    metrics = evaluate([truth_of(1, (0, *edge))], [found_of(1, (0, 0.9, *edge))], thumbnail_ratio=3)
    assert [b.num_objects for b in metrics.by_thumbnail_size] == [0, 0, 0, 1, 0]
    assert metrics.by_thumbnail_size[3].ap == ONE


def test_an_unmatched_detection_hurts_only_the_bin_of_its_own_size(truth_of, found_of):
    large = (50.0, 50.0, 150.0, 150.0)  # 25 px on the thumbnail
    truth = truth_of(1, (0, *BOX), (0, *large))
    false_alarm = (0, 0.95, 200.0, 200.0, 221.0, 221.0)  # 5.25 px on the thumbnail
    metrics = evaluate([truth], [found_of(1, false_alarm, (0, 0.9, *BOX), (0, 0.8, *large))], thumbnail_ratio=4)
    assert metrics.by_thumbnail_size[2].ap == pytest.approx(0.5, abs=1e-12)
    assert metrics.by_thumbnail_size[4].ap == ONE


def test_a_match_goes_by_the_size_of_its_object(truth_of, found_of):
    # the object is 5 px on the thumbnail, its detection 8.25 px (IoU 0.606): a hit of [4, 8), no false alarm of [8, 16)
    truth = [truth_of(1, (0, *BOX)), truth_of(2, (0, 0, 0, 40, 40))]
    detections = [found_of(1, (0, 0.95, 10, 10, 43, 30)), found_of(2, (0, 0.9, 0, 0, 40, 40))]
    bins = evaluate(truth, detections, thumbnail_ratio=4).by_thumbnail_size
    assert bins[2].ap50 == ONE
    assert bins[3].ap50 == ONE


@pytest.mark.parametrize("ratio", [0, -4, math.nan, math.inf])
def test_impossible_ratios_are_refused(ratio):
    with pytest.raises(ValueError, match=r"thumbnail_ratio: .* is not positive"):
        evaluate([], [], thumbnail_ratio=ratio)


@pytest.mark.parametrize("bins", [(), (4,), (0, 4, 4), (8, 4), (-1, 4), (0, math.nan)])
def test_bins_that_do_not_ascend_are_refused(bins):
    with pytest.raises(ValueError, match=r"thumbnail_bins_px: .* does not ascend"):
        evaluate([], [], thumbnail_bins_px=bins)


def test_repeated_class_names_are_refused():
    with pytest.raises(ValueError, match="repeats a name"):
        evaluate([], [], class_names=("stop", "stop"))


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="max_detections: 0 is under 1"):
        evaluate([], [], max_detections=0)


def test_metrics_survive_strict_json(random_scene):
    truth, detections = random_scene(3)
    as_dict = evaluate(truth, detections, class_names=("a", "b", "c")).as_dict()
    text = json.dumps(as_dict, allow_nan=False)
    assert json.loads(text) == as_dict
    assert "-1" not in text


def test_nothing_is_printed(random_scene, capsys):
    evaluate(*random_scene(1), class_names=("a", "b", "c"))
    assert capsys.readouterr() == ("", "")
