import html
import re
from dataclasses import replace

import numpy as np
import pytest
from fake_report import CLASS_NAMES, cost, fake_report, metrics, scene
from html_reading import assert_sound, read, words

from lowres.report.contents import Example, FrontierPoint, ReportData, Row
from lowres.report.page import render_page


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(fake_report())


def test_page_is_sound_and_fetches_nothing(page):
    assert_sound(page)
    assert read(page).tags.count("table") == 5


def test_links_lead_to_places_on_the_page(page):
    checker = read(page)
    anchors = [link[1:] for link in checker.links if link.startswith("#")]
    assert len(anchors) > 10
    assert re.findall(r"url\(#([^)]+)\)", page)


def test_given_numbers_stand_on_the_page(page):
    text = words(page)
    for told in (
        "AP 0.46 against the teacher's 0.71 (35 % lower), with 9.8 times fewer multiply-adds and 4.1 times the speed",
        "reaches 0.01.", "0.463", "0.710", "0.012", "34.8 %", "1.02 G", "104 M", "1.76 M", "9.81 ms", "40.0 ms",
        "300 images with 955 objects", "8 min 6 s", "79dbd3010f0a4c0f6f4e5d8c1d2e3f4a5b6c7d8e", "stride_shift: 1",
        "speed 50", "24 %", "One seed.",
    ):  # fmt: skip
        assert told in text, told


def test_page_is_under_six_megabytes_and_has_every_picture(page):
    assert len(page.encode()) < 6_000_000
    assert read(page).tags.count("img") == 9 * 3 + 3 * 2


def test_thumbnail_and_original_are_shown_at_one_scale(page):
    # 64 px beside 256 px: a fifth of the width of both; the gap takes 4 % of the row
    assert page.count('style="width:calc(0.96 * 20.0%)"') == 3
    assert ".pair { display: flex; align-items: flex-end; gap: 4%; }" in page


def test_more_numbers_per_pixel_than_are_shown_are_named(page):
    assert "12 numbers" not in page
    assert "Each pixel of a thumbnail has 12 numbers" in render_page(replace(fake_report(), thumbnail_channels=12))


def test_undefined_is_a_dash_and_never_nan(page):
    text = words(page)
    assert "– : not defined" in text
    assert re.search(r"AP large over 96² px – – –", text)
    assert re.findall(r"\b(nan|NaN|None|inf|undefined)\b", text) == []


def test_numbers_that_are_not_finite_are_dashes_too():
    facts = metrics(0.5, 1) | {"ap": float("nan"), "ap50": float("inf"), "ap75": np.float32("nan")}
    facts["per_class"] = {"speed 30": {"ap": float("nan"), "ap50": None, "num_objects": 3}}
    expensive = {"multiply_adds": float("nan"), "latency": {"total": {"p50_ms": float("nan")}}, "parameters": None}
    rows = [Row("teacher", "Teacher", 256, facts, expensive), Row("student", "Student", 64, facts, expensive)]
    records = [{"kind": "train", "step": 1, "loss": float("nan"), "terms": {"detection": float("nan")}, "lr": None}]
    frontier = [FrontierPoint("x", float("nan"), 1e9, 3.0), FrontierPoint("y", 0.3, None, float("nan"))]
    data = ReportData("T", rows, CLASS_NAMES, float("nan"), {"teacher": records}, frontier=frontier)
    page = render_page(data)
    text = words(page)
    assert "its AP is not defined, the teacher's not defined" in text
    assert re.findall(r"\b(nan|inf)\b", page.split("</style>")[1], flags=re.IGNORECASE) == []


def test_markup_in_names_is_shown_and_not_obeyed():
    evil = "<script>alert('1')</script> & $x_1$ \"q\""
    names = [evil, *CLASS_NAMES[1:]]
    data = replace(
        fake_report(), title=evil, class_names=names, params_yaml=evil, notes=[evil], provenance={evil: evil}
    )
    rows = []
    for row in data.rows:
        per_class = {names[CLASS_NAMES.index(name)]: values for name, values in row.metrics["per_class"].items()}
        rows.append(replace(row, title=evil + row.key, metrics={**row.metrics, "per_class": per_class}))
    frontier = [replace(point, title=evil) for point in data.frontier]
    histories = {evil: data.histories["distill"]}
    page = render_page(
        replace(data, rows=rows, frontier=frontier, histories=histories, examples=data.examples[:1], pr_curves={})
    )
    checker = read(page)
    assert checker.problems == []
    assert "script" not in checker.tags
    assert evil in html.unescape(page)
    assert checker.images_without_words == 0


def test_one_row_alone_makes_a_page_that_names_what_is_absent():
    page = render_page(ReportData("Alone", [Row("student", "Student", 64, {"ap": 0.4})], []))
    checker = read(page)
    assert checker.problems == []
    text = words(page)
    assert "The student reads 64 px images and reaches AP 0.40. There is no teacher beside it." in text
    assert (
        "nothing was given for it: training curves, precision and recall, accuracy against cost, confusion matrix, "
        "example images, configuration, provenance." in text
    )
    assert set(re.findall(r'href="#([a-z]+)"', page)) == {"results", "notes"}


@pytest.mark.parametrize("empty", [np.zeros((0, 0), np.int64), np.zeros((9, 9), np.int64), []])
def test_empty_confusion_matrix_is_named_as_absent(empty):
    rows = [Row("student", "Student", 64, {"ap": 0.4})]
    page = render_page(ReportData("Empty", rows, CLASS_NAMES, confusion={"student": empty}))
    assert "confusion matrix" in words(page).split("nothing was given for it:")[1]
    assert 'id="confusions"' not in page


def test_rows_beyond_the_known_three_have_their_own_looks():
    keys = ["teacher", "student", "student_2x", "student_bicubic", "other"]
    rows = [Row(key, key, 64, metrics(0.3, 1), cost(1e8, 9.0, 0.0, 10)) for key in keys]
    page = render_page(ReportData("Many", rows, CLASS_NAMES))
    legend = re.findall(r'<p class="legend">.*?</p>', page, flags=re.DOTALL)[0]
    looks = re.findall(r'stroke="(var[^"]+)" stroke-width="2" stroke-dasharray="([^"]*)"', legend)
    assert len(set(looks)) == 5


def test_large_noisy_images_and_eighty_classes_stay_under_six_megabytes():
    rng = np.random.default_rng(0)
    names = [f"class number {index}" for index in range(80)]
    image = rng.integers(0, 256, (800, 1333, 3), dtype=np.uint8)
    _, truth = scene(3)
    examples = [Example("worst", image, image[::4, ::4].copy(), truth, None, None)] * 4
    counts = rng.integers(0, 50, (81, 81))
    per_class = {name: {"ap": rng.random(), "ap50": 0.5, "num_objects": 7} for name in names}
    row = Row("student", "Student", (200, 333), metrics(0.4, 1) | {"per_class": per_class})
    page = render_page(ReportData("Large", [row], names, confusion={"student": counts}, examples=examples))
    assert read(page).problems == []
    assert len(page.encode()) < 6_000_000
    assert "The student reads 200/333 px images" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "rows: empty"),
        ({"rows": [Row("student", "A", 64, {}), Row("student", "B", 64, {})]}, "repeat"),
        ({"confusion": {"student": np.ones((3, 3), np.int64)}}, r"\[3, 3\] for 8 classes; give \[9, 9\]"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(change, message):
    data = replace(fake_report(), examples=[], histories={}, pr_curves={}, frontier=[])
    with pytest.raises(ValueError, match=message):
        render_page(replace(data, **change))


def test_same_facts_give_the_same_page():
    data = replace(fake_report(), examples=fake_report().examples[:1], histories={}, pr_curves={})
    assert render_page(data) == render_page(data)
