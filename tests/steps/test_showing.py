import math

import numpy as np
import pytest
from tests.steps.recording import recorded

from lowres.steps.showing import show_confusion, show_report, show_scalars


def test_scalars_are_plain_finite_floats_under_dotted_names(tmp_path):
    metrics = recorded(tmp_path)
    values = {"student": {"ap": np.float32(0.5), "ap50": None, "cost": {"ms": 3}}, "drop": math.nan, "big": np.inf}
    left_out = show_scalars(values | {"trained": False, "name": "x"}, metrics)
    assert metrics.metadata == {"student.ap": 0.5, "student.cost.ms": 3.0, "trained": 0.0}
    assert all(type(value) is float for value in metrics.metadata.values())
    assert left_out == ["student.ap50", "drop", "big", "name"]


def test_kfp_takes_what_is_logged(tmp_path):
    dsl = pytest.importorskip("kfp.dsl", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    metrics = dsl.Metrics(uri=str(tmp_path))
    show_scalars({"ap": np.float32(0.25), "bad": np.float32("nan")}, metrics)
    assert metrics.metadata == {"ap": 0.25}


def test_a_detectors_matrix_has_a_row_and_a_column_for_nothing(tmp_path):
    matrix = recorded(tmp_path)
    show_confusion({"class_names": ["stop", "yield"], "confusion": [[1, 0, 2], [0, 3, 0], [4, 0, 0]]}, matrix)
    assert matrix.metadata["confusion"] == (["stop", "yield", "nothing"], [[1, 0, 2], [0, 3, 0], [4, 0, 0]])


def test_a_classifiers_matrix_is_the_students(tmp_path):
    matrix = recorded(tmp_path)
    details = {"class_names": ["a", "b"], "confusion": {"teacher": [[9, 9], [9, 9]], "student": [[1, 0], [0, 1]]}}
    show_confusion(details, matrix)
    assert matrix.metadata["confusion"] == (["a", "b"], [[1, 0], [0, 1]])


def test_the_reports_page_and_summary_are_shown(tmp_path):
    (tmp_path / "index.html").write_text("<p>page</p>")
    (tmp_path / "summary.txt").write_text("AP 0.5\n")
    page, verdict = recorded(tmp_path / "new/page"), recorded(tmp_path / "new/verdict")
    show_report(tmp_path, page=page, verdict=verdict)
    assert (tmp_path / "new/page").read_text() == "<p>page</p>"
    assert (tmp_path / "new/verdict").read_text() == "```text\nAP 0.5\n```\n"
