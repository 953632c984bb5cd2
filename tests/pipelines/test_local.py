"""The whole pipeline through `kfp.local`: once with a first step that fails, then to the end.

Each step is a process that imports torch and transformers: `make kubeflow-fail` lets each fail in turn and goes on from
checkpoints, `make kubeflow-local` compares the weights with those of the stages alone.
"""

import os

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
if not os.environ.get("LOWRES_LOCAL_PIPELINE"):
    pytest.skip("two minutes of CPU: `make kubeflow-local` runs it", allow_module_level=True)
from tests.pipelines.local_runs import artifacts_of, faults_of, newest_run, run_pipeline
from tests.stages.small import small_params, write_params
from tests.steps.webhook import listening

from lowres.models.artifact import sha256_of

CANARY = "canary-5f3a"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder, messages to the webhook, and the two processes: prepare fails after its work; run again, all is well."""
    folder = tmp_path_factory.mktemp("run")
    write_params(folder / "params.yaml", small_params())
    with listening() as (address, told):
        secrets = {"LOWRES_WEBHOOK": address, "AWS_SECRET_ACCESS_KEY": CANARY}
        failed = run_pipeline(folder, plant_in="prepare", **secrets)
        done = run_pipeline(folder, **secrets)
    return folder, told, failed, done


def test_a_step_that_fails_fails_the_run_with_its_own_line(runs):
    _, _, failed, _ = runs
    assert failed.returncode == 2
    lines = [line.strip() for line in failed.stdout.splitlines()]
    assert "error: planted in prepare" in lines
    assert lines[-1] == "error: the pipeline failed: planted in prepare"
    assert "Traceback" not in failed.stdout


def test_the_webhook_is_told_how_each_run_ended(runs):
    _, told, _, done = runs
    assert done.returncode == 0, done.stdout
    assert [message["state"] for message in told] == ["FAILED", "SUCCEEDED"]


def test_every_artifact_is_there_and_says_where_it_comes_from(runs):
    assert faults_of(newest_run(runs[0])) == []


def test_data_and_weights_are_the_same_along_the_pipeline(runs):
    found = artifacts_of(newest_run(runs[0]))
    assert len({metadata["data"] for _, metadata in found.values() if "data" in metadata}) == 1
    student, metadata = found["distill", "model"]
    assert metadata["model_sha256"] == sha256_of(student / "model.safetensors")
    assert found["export", "onnx"][1]["model_sha256"] == metadata["model_sha256"]


def test_the_ui_gets_numbers_a_matrix_a_page_and_a_verdict(runs):
    found = artifacts_of(newest_run(runs[0]))
    scalars = found["evaluate", "metrics"][1]
    assert scalars["teacher.parameters"] > 1000
    assert all(isinstance(value, float | int) for value in scalars.values())
    assert found["evaluate", "confusion"][1]["confusionMatrix"]["rows"]
    assert found["report", "page"][0].read_text().lstrip().lower().startswith("<!doctype html>")
    assert found["report", "verdict"][0].read_text().startswith("```text\n")


def test_no_secret_of_the_environment_is_in_a_log_or_an_output(runs):
    folder, _, failed, done = runs
    assert CANARY not in failed.stdout + done.stdout
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
