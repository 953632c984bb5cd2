from dataclasses import replace

import numpy as np
import pytest

from lowres.export import parity
from lowres.export.parity import ParityLimits, ParityReport, check, compare, difference, mosaics
from lowres.export.runtime import OnnxDetector
from lowres.records import ImageDetections

LIMITS = ParityLimits(min_score=0.05, box_px=0.1, score=0.01, unmatched_fraction=0.0, ap=0.001)


def detections(*rows: tuple[float, ...]) -> list[ImageDetections]:
    """Of one image: (label, score, x1, y1, x2, y2), best first."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return [ImageDetections(1, table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))]


CAR = (0, 0.9, 10, 10, 30, 30)
BUS = (1, 0.6, 40, 40, 60, 60)
FAINT = (1, 0.01, 0, 0, 5, 5)


def test_equal_detections_do_not_differ():
    measured = difference(detections(CAR, BUS), detections(CAR, BUS), limits=LIMITS)
    assert (measured.detections, measured.unmatched, measured.max_box_px, measured.max_score) == (2, 0, 0.0, 0.0)


def test_order_does_not_matter():
    twin = (0, 0.9, 100, 10, 130, 30)
    measured = difference(detections(CAR, twin), detections(twin, CAR), limits=LIMITS)
    assert (measured.unmatched, measured.max_box_px, measured.max_score) == (0, 0.0, 0.0)


def test_largest_differences_of_box_and_score_are_measured():
    moved = (0, 0.8, 10, 12, 30, 31)
    measured = difference(detections(CAR, BUS), detections(moved, BUS), limits=LIMITS)
    assert measured.max_box_px == 2.0
    assert measured.max_score == pytest.approx(0.1)
    assert measured.unmatched == 0


def test_duplicates_are_paired_by_score_as_well_as_by_place():
    weak = (0, 0.3, 10, 10, 30, 30)
    measured = difference(detections(CAR, weak), detections(CAR, weak), limits=LIMITS)
    assert (measured.max_score, measured.unmatched) == (0.0, 0)


def test_another_label_leaves_both_without_a_counterpart():
    measured = difference(detections(CAR, FAINT), detections((1, *CAR[1:]), FAINT), limits=LIMITS)
    assert (measured.detections, measured.unmatched) == (2, 2)


def test_detections_below_the_smallest_score_are_not_looked_at():
    elsewhere = (0, 0.01, 90, 90, 95, 95)
    measured = difference(detections(CAR, FAINT), detections(CAR, elsewhere), limits=LIMITS)
    assert (measured.detections, measured.unmatched) == (1, 0)


def test_what_the_cut_after_the_best_k_may_have_removed_is_excused():
    last = (0, 0.6001, 80, 80, 90, 90)
    measured = difference(detections(CAR, last), detections(CAR, BUS), limits=LIMITS)
    assert measured.unmatched == 0


def test_shorter_list_is_not_excused():
    measured = difference(detections(CAR, BUS), detections(CAR), limits=LIMITS)
    assert measured.unmatched == 1
    measured = difference(detections(CAR), detections(), limits=LIMITS)
    assert measured.unmatched == 1


def test_boxes_without_area_are_paired_by_place():
    flat = (0, 0.9, 10, 10, 10, 30)
    assert difference(detections(flat, FAINT), detections(flat, FAINT), limits=LIMITS).unmatched == 0


@pytest.mark.parametrize("row", [(0, np.nan, 10, 10, 30, 30), (0, 0.9, np.nan, 10, 30, 30)], ids=["score", "box"])
def test_nan_does_not_pass_as_agreement(row):
    measured = difference(detections(CAR, FAINT), detections(row, FAINT), limits=LIMITS)
    assert measured.unmatched >= 1


def report(**changes) -> ParityReport:
    values = {
        "images": 2,
        "sizes_hw": [(64, 64)],
        "min_score": 0.05,
        "detections": 10,
        "unmatched": 0,
        "max_box_px": 0.01,
        "max_score": 0.001,
        "ap_pytorch": 0.5,
        "ap_onnx": 0.5002,
    }
    return ParityReport(**{**values, **changes})


def test_report_within_limits_passes():
    check(report(), LIMITS)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"max_box_px": 0.2}, "boxes"),
        ({"max_box_px": float("nan")}, "boxes"),
        ({"max_score": 0.02}, "scores"),
        ({"unmatched": 1}, "counterparts"),
        ({"ap_onnx": 0.49}, "AP"),
        ({"ap_onnx": None}, "AP"),
        ({"max_box_px": 3.0, "unmatched": 2}, "boxes, counterparts"),
    ],
)
def test_report_beyond_a_limit_is_refused_with_the_figures(changes, named):
    with pytest.raises(ValueError, match=f"disagree in {named}: boxes differ by at most"):
        check(report(**changes), LIMITS)


def test_report_without_detections_proves_nothing():
    with pytest.raises(ValueError, match=r"no detection reaches score 0\.05"):
        check(report(detections=0), LIMITS)


def test_mosaics_have_sizes_that_the_images_lack(noise):
    wide, tall = mosaics(noise((64, 64), (60, 70)))
    assert wide.shape == (59, 131, 3)
    assert tall.shape == (119, 63, 3)


def test_mosaic_of_one_image_repeats_it(noise):
    assert [image.shape for image in mosaics(noise((8, 8)))] == [(7, 13, 3), (11, 7, 3)]


def test_comparison_without_images_is_refused(whole_image_file, tiny_model):
    onnx = OnnxDetector(whole_image_file(), threads=1)
    model = tiny_model("deformable_detr", downsampler={"kind": "identity", "ratio": 1})
    with pytest.raises(ValueError, match="no validation images"):
        compare(model, onnx, [], limits=LIMITS)


def test_file_of_another_model_is_refused_with_average_precision_of_both(whole_image_file, tiny_model, noise):
    onnx = OnnxDetector(whole_image_file(), threads=1)
    model = tiny_model("deformable_detr", downsampler={"kind": "identity", "ratio": 1})
    with pytest.raises(ValueError, match=r"counterparts.*AP"):
        compare(model, onnx, enumerate(noise((128, 128))), limits=LIMITS, ap=lambda found: float(found[0].scores[0]))


@pytest.mark.parametrize(("min_score", "looked_at"), [(0.4, 0.4), (0.9, 0.25)])
def test_detections_of_a_model_that_is_sure_of_nothing_are_compared_all_the_same(
    min_score, looked_at, whole_image_file, tiny_model, noise, monkeypatch
):
    onnx = OnnxDetector(whole_image_file(), threads=1)  # finds a whole image with score 0.5
    monkeypatch.setattr(parity, "detect_with_pytorch", lambda _, images, ids, *__: onnx.detect(images, image_ids=ids))
    model = tiny_model("deformable_detr", downsampler={"kind": "identity", "ratio": 1})
    report = compare(model, onnx, enumerate(noise((128, 128))), limits=replace(LIMITS, min_score=min_score))
    assert report.min_score == looked_at
    assert report.detections > 0
