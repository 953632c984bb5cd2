import pytest

from lowres.report.contents import Row
from lowres.report.wording import key_figures, summary


def row(key, ap, *, side=256, adds=None, time_ms=None, threads=None):
    latency = {"total": {"p50_ms": time_ms, "p99_ms": None}}
    return Row(key, key.capitalize(), side, {"ap": ap}, {"multiply_adds": adds, "latency": latency, "threads": threads})


def pair(student_ap=0.46, teacher_ap=0.71, adds=(98, 10), time_ms=(41, 10), threads=2):
    return [
        row("teacher", teacher_ap, adds=adds[0], time_ms=time_ms[0], threads=threads),
        row("student", student_ap, side=64, adds=adds[1], time_ms=time_ms[1], threads=threads),
    ]


def test_summary_of_a_good_run():
    assert summary([*pair(), row("teacher_bicubic", 0.012, side=64)]) == (
        "The student reads 64 px thumbnails of 256 px images: AP 0.46 against the teacher's 0.71 (35 % lower), with 9.8 "
        "times fewer multiply-adds and 4.1 times the speed (from JPEG bytes to boxes, 2 threads). "
        "The teacher itself, fed with bicubic thumbnails, reaches 0.01."
    )


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pair(time_ms=(10, 13)), "with 9.8 times fewer multiply-adds, but slower: 1.3 times the time per image"),
        (pair(time_ms=(10, 10.2)), "with 9.8 times fewer multiply-adds, but no faster"),
        (pair(adds=(10, 20), time_ms=(10, 13)), "with 2 times as many multiply-adds and slower: 1.3 times"),
        (pair(adds=(10, 20)), "with 2 times as many multiply-adds, but 4.1 times the speed"),
        (pair(adds=(None, None), time_ms=(10, 13)), "(35 % lower), but slower: 1.3 times the time per image"),
        (pair(adds=(None, None)), "(35 % lower), with 4.1 times the speed"),
        (pair(time_ms=(None, 3)), "(35 % lower), with 9.8 times fewer multiply-adds."),
        (pair(adds=(None, None), time_ms=(None, None)), "AP 0.46 against the teacher's 0.71 (35 % lower)."),
        (pair(student_ap=0.74), "AP 0.74 against the teacher's 0.71 (4 % higher)"),
        (pair(student_ap=0.71), "AP 0.71 against the teacher's 0.71 (equal)"),
        (pair(student_ap=0.0008, teacher_ap=0.0003), "AP 0.00 against the teacher's 0.00, with"),
        (pair(teacher_ap=0.0), "AP 0.46 against the teacher's 0.00, with"),
        (pair(student_ap=None), "its AP is not defined, the teacher's 0.71, with"),
        (pair(threads=1), "(from JPEG bytes to boxes, 1 thread)"),
        (pair(threads=None), "(from JPEG bytes to boxes)"),
        ([*pair(), row("teacher_bicubic", 0.5)], "bicubic thumbnails, reaches 0.50: no less than the student."),
        ([*pair(), row("baseline", 0.44)], "The baseline reaches 0.44."),
        ([row("teacher", 0.7)], "The teacher reads 256 px images and reaches AP 0.70."),
        ([row("student", None)], "The student reads 256 px images; its AP is not defined. There is no teacher beside it."),
    ],
)  # fmt: skip
def test_summary_says_it_as_it_is(rows, told):
    assert told in summary(rows)


def test_summary_takes_the_given_drop_rate():
    assert "(34 % lower)" in summary(pair(), drop_rate=0.3389)


def test_no_share_is_kept_of_a_teacher_that_learned_nothing():
    labels = [figure.label for figure in key_figures(pair(student_ap=0.0008, teacher_ap=0.0003))]
    assert labels
    assert not any("kept" in label for label in labels)


def test_key_figures_of_a_slower_student_are_bad_news():
    figures = {figure.label: figure for figure in key_figures(pair(time_ms=(10, 13)))}
    assert figures["slower"].value == "1.3×"
    assert figures["slower"].tone == "bad"
    assert figures["fewer pixels read"].value == "16×"
    assert figures["of the teacher's AP kept"].value == "65 %"
    assert key_figures([row("student", 0.4)]) == []
