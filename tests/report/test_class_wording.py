import pytest

from lowres.report.class_contents import ClassRow
from lowres.report.class_wording import key_figures, summary


def row(key, top1, *, title=None, side=32, spread=None, adds=None, time_ms=None):
    metrics = {"top1": top1, "top1_interval": None if spread is None else [top1 - spread, top1 + spread]}
    latency = {"total": {"p50_ms": time_ms, "p99_ms": None}}
    return ClassRow(key, title or key.capitalize(), side, metrics, {"multiply_adds": adds, "latency": latency})


def pair(own=0.787, full=0.934, adds=(40, 10), time_ms=(4, 2)):
    return [
        row("teacher", full, adds=adds[0], time_ms=time_ms[0]),
        row("student", own, side=8, spread=None if own is None else 0.008, adds=adds[1], time_ms=time_ms[1]),
    ]


def test_summary_of_a_good_run():
    assert summary([*pair(), row("teacher_bicubic", 0.341, side=8)]) == (
        "From 8 px thumbnails of 32 px images the student recognises 78.7 % of the images (95 % interval 77.9 to "
        "79.5 %), against 93.4 % for the teacher on whole images, with 4 times fewer multiply-adds and 2 times the "
        "speed (from image bytes to class). The teacher itself, fed thumbnails, recognises 34.1 %."
    )


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pair(adds=(40, 40), time_ms=(4, 4)), "with as many multiply-adds and no faster"),
        (pair(adds=(40, 40), time_ms=(4, 6)), "with as many multiply-adds and slower: 1.5 times the time per image"),
        (pair(own=None), "recognises an unknown share of the images, against 93.4 %"),
        ([*pair(), row("teacher_bicubic", 0.8)], "fed thumbnails, recognises 80.0 %, no less than the student."),
        (
            [*pair(), row("low", 0.78, title="Low-resolution baseline", spread=0.008)],
            "The low-resolution baseline recognises 78.0 %; its interval overlaps the student's.",
        ),
        ([*pair(), row("low", 0.7, title="Baseline", spread=0.008)], "The baseline recognises 70.0 %."),
        ([*pair(), row("low", None, title="Baseline")], "(from image bytes to class)."),
        ([row("teacher", 0.7)], "The teacher recognises 70.0 % of the images from 32 px images."),
        ([row("student", None)], "the student recognises an unknown share of the images. There is no teacher"),
    ],
)
def test_summary_says_it_as_it_is(rows, told):
    assert told in summary(rows)


def test_key_figures_compare_student_and_teacher():
    figures = {figure.label: figure for figure in key_figures(pair())}
    assert figures["of the teacher's top-1 kept"].value == "84 %"
    assert figures["fewer pixels read"].value == "16×"
    assert figures["fewer multiply-adds"].value == "4×"
    assert figures["faster"].detail == "2.00 ms against 4.00 ms, image bytes to class"
    assert key_figures([row("student", 0.4)]) == []
