import numpy as np
from tests.data.doctor.corpus import picture

from lowres.data.doctor.packed_duplicates import across_line, duplicate_report, seen

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
