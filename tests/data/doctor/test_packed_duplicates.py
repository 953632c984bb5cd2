import numpy as np
import pytest
from tests.data.doctor.corpus import picture

from lowres.data.doctor.packed_duplicates import across_line, check_no_leak, duplicate_report, seen

NOTHING = {"exact": 0, "near": 0, "first": []}


def brighter(pixels):
    return np.clip(pixels.astype(float) * 0.9 + 12, 0, 255).astype(np.uint8)


def look(name, pixels):
    return seen(name, pixels)


def test_copies_are_counted_within_and_across_splits():
    one, two, three = (picture(seed, 80, 64) for seed in range(3))
    train = [look("a", one), look("b", two), look("c", one)]
    val = [look("d", two), look("e", brighter(one)), look("f", three)]
    report = duplicate_report({"train": train, "val": val})
    assert report["train"]["within"] == {"exact": 1, "near": 0, "first": [["c", "a"]]}
    assert report["train"]["across"] == {"val": {"exact": 1, "near": 1, "first": [["b", "d"], ["a", "e"]]}}
    assert report["val"]["within"] == NOTHING
    assert report["val"]["across"] == {"train": {"exact": 1, "near": 1, "first": [["d", "b"], ["e", "a"]]}}
    line = across_line(report, ["train", "val"])
    assert line.endswith("untrue: train and val 1 exactly, 1 nearly (first: b is d)")


def test_an_image_twice_in_a_split_and_once_in_another_is_named_for_both():
    one = picture(1)
    report = duplicate_report({"train": [look("a", one)], "val": [look("b", one), look("c", one)]})
    assert report["val"]["within"]["first"] == [["c", "b"]]
    assert report["val"]["across"]["train"]["exact"] == 2
    assert report["train"]["across"]["val"] == {"exact": 1, "near": 0, "first": [["a", "b"]]}


def test_below_64_px_only_equal_images_are_duplicates():
    small = picture(1, 63, 80)
    report = duplicate_report({"train": [look("a", small)], "val": [look("b", brighter(small)), look("c", small)]})
    assert report["train"]["across"] == {"val": {"exact": 1, "near": 0, "first": [["a", "c"]]}}


def test_splits_without_common_images_give_no_line():
    report = duplicate_report({"train": [look("a", picture(1))], "val": [look("b", picture(2))], "test": []})
    assert report["test"] == {"within": NOTHING, "across": {}}
    assert across_line(report, report) is None


def named(split, *seeds):
    """Images of these seeds, named after split and seed."""
    return [look(f"{split}{seed}", picture(seed)) for seed in seeds]


def test_a_share_of_exact_copies_is_refused_over_what_is_allowed():
    splits = {"train": named("train", 1, 2, 3), "val": named("val", 3, 4, 5, 6)}
    check_no_leak(splits, allowed=0.25)
    message = r"^val: 1 of 4 images are exact copies of images of train \(first: val3 is train3\), .* allows 0\.24; "
    with pytest.raises(ValueError, match=message) as caught:
        check_no_leak(splits, allowed=0.24)
    assert "\n" not in str(caught.value)


def test_half_a_split_of_copies_is_refused_whatever_is_allowed():
    with pytest.raises(ValueError, match=r"^val: 2 of 4 images"):
        check_no_leak({"train": named("train", 1, 2, 3), "val": named("val", 2, 3, 4, 5)}, allowed=1.0)


def test_test_images_that_train_or_val_has_count_once():
    splits = {"train": named("train", 1, 2), "val": named("val", 3), "test": named("test", 2, 3, 4, 5, 6, 7)}
    check_no_leak(splits, allowed=0.34)
    with pytest.raises(ValueError, match=r"^test: 2 of 6 images .* of train and val \(first: test2 is train2\)"):
        check_no_leak(splits, allowed=0.33)
    within_all = {"train": named("train", 1), "val": named("val", 2), "test": named("test", 2, 3, 4)}
    with pytest.raises(ValueError, match=r"^test: 1 of 3 images .* of val \(first: test2 is val2\)"):
        check_no_leak(within_all, allowed=0)


def test_copies_within_a_split_and_near_copies_are_no_leak():
    near = look("near", brighter(picture(1, 80, 64)))
    splits = {"train": [look("a", picture(1, 80, 64)), *named("train", 2, 2)], "val": [near, *named("val", 3, 3)]}
    assert duplicate_report(splits)["val"]["across"]["train"]["near"] == 1
    check_no_leak(splits, allowed=0)
