"""The page of what Kubeflow would show has what the artifacts of a run hold."""

import json

import pytest
from pipelines.shown import render_shown
from tests.report.html_reading import read, words


@pytest.fixture
def run(tmp_path):
    """A run of two steps: scalars and a matrix; a verdict."""
    rows = [{"row": [7, 1]}, {"row": [0, 0]}]
    matrix = {"annotationSpecs": [{"displayName": "stop"}, {"displayName": "<nothing>"}], "rows": rows}
    write_step(
        tmp_path, "evaluate", metrics={"student.ap": 0.48049}, confusion={"confusionMatrix": matrix, "data": "d1"}
    )
    write_step(tmp_path, "report", verdict={"commit": "c0ffee"})
    (tmp_path / "report/verdict").write_text("```text\nAP 0.48\n```\n")
    return tmp_path


def write_step(run, name, **metadata):
    (run / name).mkdir()
    artifacts = {key: {"artifacts": [{"name": key, "metadata": values}]} for key, values in metadata.items()}
    (run / name / "executor_output.json").write_text(json.dumps({"artifacts": artifacts}))


def test_scalars_matrix_verdict_and_metadata_are_on_the_page(run):
    page = render_shown(run)
    text = words(page)
    parts = ["student.ap 0.48049", "stop 7 1", "AP 0.48", "evaluate.confusion data d1", "report.verdict commit c0ffee"]
    for part in parts:
        assert part in text, part
    assert "&lt;nothing&gt;" in page
    assert read(page).problems == []


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="it is no run"):
        render_shown(tmp_path)
