import html
import re
from dataclasses import replace

import numpy as np
import pytest
from fake_class_report import CLASS_NAMES, fake_class_report, labels, metrics, probabilities
from html_reading import assert_sound, read, words

from lowres.report.class_contents import ClassExample, ClassReportData, ClassRow
from lowres.report.class_page import render_class_page


@pytest.fixture(scope="module")
def page() -> str:
    return render_class_page(fake_class_report())


def test_page_is_sound_and_fetches_nothing(page):
    assert_sound(page)


def test_every_part_is_there_and_in_the_list_of_contents(page):
    places = re.findall(r'<li><a href="#([a-z]+)">', page)
    assert places == [
        "results", "cost", "examples", "classes", "confusions", "calibration", "training", "configuration",
        "provenance", "notes",
    ]  # fmt: skip
    assert re.findall(r'<section id="([a-z]+)"', page) == places
    drawings = re.findall(r'aria-label="([^"]+)"', page)
    for start, number in (("Reliability, ", 4), ("Confusion matrix, ", 1), ("Top-1 against ", 2), ("Training loss", 2)):
        assert len([drawing for drawing in drawings if drawing.startswith(start)]) == number, start
    assert read(page).tags.count("table") == 4


def test_given_numbers_stand_on_the_page(page):
    data = fake_class_report()
    student = data.rows[3].metrics
    text = words(page)
    low, high = student["top1_interval"]
    summary = (
        f"the student recognises {100 * student['top1']:.1f} % of the images (95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f} %), against {100 * data.rows[0].metrics['top1']:.1f} % for the teacher on whole images, "
        "with as many multiply-adds and no faster (from image bytes to class, 2 threads)."
    )
    for told in (
        summary,
        f"{100 * (student['top1'] - data.rows[0].metrics['top1']):.1f} points".replace("-", "−"),
        f"{100 * student['top5']:.1f} %", f"{100 * student['expected_calibration_error']:.1f} %",
        f"{100 * student['per_class']['cat']['accuracy']:.1f} %", "Evaluated on 4,000 images of 10 classes.",
        "37.1 M", "2.80 M", "of the classifier", "4.63 ms", "32 × 32 px", "8 × 8 px", "restore: bicubic", "One seed.",
    ):  # fmt: skip
        assert told in text, told


def test_the_commonest_confusion_is_told_in_words(page):
    counts = np.array(fake_class_report().rows[3].metrics["confusion"])
    np.fill_diagonal(counts, 0)
    true, predicted = np.unravel_index(counts.argmax(), counts.shape)
    told = f"Most often {CLASS_NAMES[true]} is taken for {CLASS_NAMES[predicted]}: {counts.max()} times"
    assert told in words(page)


def test_examples_show_original_and_thumbnail_with_the_true_class_among_the_guesses(page):
    assert read(page).tags.count("img") == 18 * 2
    cards = page.split('<div class="card">')[1:]
    assert len(cards) == 18
    for card in cards:
        assert card.count('<li class="right">') == 1
        assert "Teacher, full resolution: " in card
        assert "Low-resolution baseline: " in card


def test_top5_without_meaning_is_left_out_and_named():
    names = ["cat", "dog", "ox"]
    true = labels(60, 3)
    found = np.full((60, 3), 0.2)
    found[np.arange(60), true] = 0.6
    row = ClassRow("student", "Student", 8, metrics(found, true, names))
    text = words(render_class_page(ClassReportData("T", [row], names)))
    assert "Top-5 the class" not in text
    assert "Top-5 is left out: with fewer than six classes it says nothing." in text


def test_numbers_that_are_absent_or_not_finite_are_dashes():
    facts = {"top1": float("nan"), "top5": None, "expected_calibration_error": float("inf"), "top1_interval": None}
    facts |= {"per_class": {"cat": {"accuracy": None, "num_images": 0}}, "reliability": [{"low": 0.0, "high": 1.0,
              "num_images": 0, "mean_confidence": None, "accuracy": None}]}  # fmt: skip
    expensive = {"multiply_adds": float("nan"), "latency": {"total": {"p50_ms": None}}}
    rows = [ClassRow(key, key, 8, facts, expensive) for key in ("teacher", "student", "teacher_bicubic", "other")]
    page = render_class_page(ClassReportData("T", rows, CLASS_NAMES))
    assert "an unknown share of the images" in words(page)
    assert re.findall(r"\b(nan|inf|None)\b", page.split("</style>")[1], flags=re.IGNORECASE) == []


def test_markup_in_names_is_shown_and_not_obeyed():
    evil = "<script>alert('1')</script> & $x_1$ \"q\""
    names = [evil, *CLASS_NAMES[1:]]
    data = fake_class_report()
    rows = [
        replace(row, title=evil + row.key, metrics={
            **row.metrics, "per_class": dict(zip(names, row.metrics["per_class"].values(), strict=True))
        })
        for row in data.rows
    ]  # fmt: skip
    page = render_class_page(
        replace(
            data, title=evil, class_names=names, rows=rows, params_yaml=evil, notes=[evil], provenance={evil: evil},
            histories={evil: data.histories["distill"]},
        )
    )  # fmt: skip
    checker = read(page)
    assert checker.problems == []
    assert "script" not in checker.tags
    assert checker.images_without_words == 0
    assert evil in html.unescape(page)


def test_one_row_alone_makes_a_page_that_names_what_is_absent():
    page = render_class_page(ClassReportData("Alone", [ClassRow("student", "Student", 8, {"top1": 0.4})], CLASS_NAMES))
    assert_sound(page)
    text = words(page)
    assert "From 8 px images the student recognises 40.0 % of the images. There is no teacher beside it." in text
    assert (
        "nothing was given for it: training curves, accuracy against cost, accuracy per class, confusion matrix, "
        "reliability diagrams, example images, configuration, provenance." in text
    )
    assert set(re.findall(r'href="#([a-z]+)"', page)) == {"results", "notes"}


def test_rows_beyond_the_known_three_have_their_own_looks(page):
    legend = re.findall(r'<p class="legend">.*?</p>', page, flags=re.DOTALL)[0]
    looks = re.findall(r'stroke="(var[^"]+)" stroke-width="2" stroke-dasharray="([^"]*)"', legend)
    assert len(set(looks)) == 4


def test_large_noisy_images_and_a_hundred_classes_stay_under_six_megabytes():
    rng = np.random.default_rng(0)
    names = [f"class number {index}" for index in range(100)]
    true = labels(2000, 100)
    found = probabilities(true, 3.0, 1, num_classes=100)
    image = rng.integers(0, 256, (320, 320, 3), dtype=np.uint8)
    examples = [ClassExample("worst", k, image, image[::2, ::2].copy(), 3, {"student": found[k]}) for k in range(36)]
    row = ClassRow("student", "Student", 160, metrics(found, true, names))
    page = render_class_page(
        ClassReportData("Large", [row], names, confusion={"student": row.metrics["confusion"]}, examples=examples)
    )
    assert_sound(page)
    assert len(page.encode()) < 6_000_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "rows: empty"),
        ({"rows": [ClassRow("student", "A", 8, {}), ClassRow("student", "B", 8, {})]}, "repeat"),
        ({"confusion": {"student": np.ones((3, 3), np.int64)}}, r"\[3, 3\] for 10 classes; give \[10, 10\]"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(change, message):
    data = ClassReportData("T", [ClassRow("student", "Student", 8, {})], CLASS_NAMES)
    with pytest.raises(ValueError, match=message):
        render_class_page(replace(data, **change))


def test_small_pictures_keep_their_pixels(page):
    # PNG, not JPEG: at 8 px every pixel counts.
    assert page.count('src="data:image/png;base64,') == 36
    assert "image-rendering: pixelated" in page
