"""A whole pipeline through `kfp.local` at the least size that every step takes, with a bucket and canaries for secrets.

It publishes its results and mirrors its checkpoints; then its data are fetched again. Here it is a classifier of sign
crops and each step is a fork of a process that has imported all: a detector's steps take two minutes, most of it for
imports and for tracing. That is what LOWRES_LOCAL_PIPELINE makes of it, as `make kubeflow-local` sets it, which also
compares the weights with those of the stages alone; `make kubeflow-fail` lets each step fail in turn and kills runs.
"""

import json
import os
from types import SimpleNamespace

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from components.fetch import fetch
from kfp import local
from tests.pipelines.local_runs import KEYS, LOCAL, artifacts_of, ended_steps, faults_of, newest_run, run_pipeline
from tests.stages.small import tiny_class_params, tiny_params, write_params
from tests.steps.webhook import listening
from tests.storage.dvc_layout import dvc_objects
from tests.storage.fake_s3 import FakeS3

from lowres.models.checksum import sha256_of
from lowres.steps.places import PLACES

WHOLE = bool(os.environ.get("LOWRES_LOCAL_PIPELINE"))
PROGRAM, PARAMS = (LOCAL, tiny_params()) if WHOLE else (("tests.pipelines.forked", *LOCAL[1:]), tiny_class_params())
TRAINED = {"teacher", "downsampler" if WHOLE else "baseline", "distill"}
CANARY = "canary-5f3a"  # also in the address of the webhook
SECRETS = {
    **KEYS,
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret",
    "AWS_SESSION_TOKEN": f"{CANARY}-session",
    "LOWRES_KFP_TOKEN": f"{CANARY}-token",
    "LOWRES_KFP_COOKIE": f"session={CANARY}-cookie",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The finished process, its folder, its artifacts, the bucket, and what the webhook was told."""
    folder = tmp_path_factory.mktemp("run")
    write_params(folder / "params.yaml", PARAMS)
    with listening() as (address, told), FakeS3() as s3:
        mirror = {"LOWRES_CHECKPOINT_MIRROR": "s3://bucket/checkpoints", "AWS_ENDPOINT_URL_S3": s3.url}
        publishing = ["--publish-to", "s3://bucket/runs", "--endpoint-url", s3.url]
        environment = {**SECRETS, **mirror, "LOWRES_WEBHOOK": address}
        done = run_pipeline(folder, program=PROGRAM, arguments=publishing, **environment)
        assert done.returncode == 0, done.stdout
        yield SimpleNamespace(done=done, folder=folder, found=artifacts_of(newest_run(folder)), bucket=s3, told=told)


def test_every_step_succeeded_and_the_webhook_was_told(run):
    steps = {step for step, _ in PLACES} | {"publish", "notify"}
    assert ended_steps(run.done.stdout) == dict.fromkeys(steps, "SUCCESS")
    assert [message["state"] for message in run.told] == ["SUCCEEDED"]


def test_every_artifact_is_there_and_says_where_it_comes_from(run):
    assert faults_of(newest_run(run.folder)) == []


def test_data_and_weights_are_the_same_along_the_pipeline(run):
    assert len({metadata["data"] for _, metadata in run.found.values() if "data" in metadata}) == 1
    student, metadata = run.found["distill", "model"]
    assert metadata["model_sha256"] == sha256_of(student / "model.safetensors")
    assert run.found["export", "onnx"][1]["model_sha256"] == metadata["model_sha256"]


def test_the_ui_gets_numbers_a_matrix_a_page_and_a_verdict(run):
    scalars = run.found["evaluate", "metrics"][1]
    assert scalars["teacher.parameters"] > 1000
    assert all(isinstance(value, float | int) for value in scalars.values())
    assert run.found["evaluate", "confusion"][1]["confusionMatrix"]["rows"]
    assert run.found["report", "page"][0].read_text().lstrip().lower().startswith("<!doctype html>")
    assert run.found["report", "verdict"][0].read_text().startswith("```text\n")


def test_the_bucket_has_every_result_and_a_checkpoint_of_every_training(run):
    below = {name.removeprefix("bucket/") for name in run.bucket.objects}
    (record,) = [name for name in below if name.startswith("runs/") and name.endswith("/run.json")]
    for place in PLACES.values():
        assert [name for name in below if name.startswith(record.replace("run.json", place))], place
    copied = {name.split("/")[1].partition("-")[0] for name in below if name.startswith("checkpoints/")}
    assert copied == TRAINED


def test_fetch_publish_and_the_mirror_use_the_secrets_and_leave_none_behind(run, tmp_path, monkeypatch, capfd):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    md5, objects = dvc_objects(run.found["prepare", "splits"][0])
    run.bucket.objects |= {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path))
    splits = fetch(data_md5=md5, remote="s3://bucket/dvc", remote_endpoint=run.bucket.url).outputs["splits"]
    assert splits.metadata["data_md5"] == md5

    asked = {name.split("/")[1] for _, name, _ in run.bucket.requests if "/" in name}
    assert {"runs", "checkpoints", "dvc"} <= asked
    tokens = {headers["X-Amz-Security-Token"] for _, _, headers in run.bucket.requests}
    assert tokens == {SECRETS["AWS_SESSION_TOKEN"]}

    assert CANARY not in run.done.stdout + "".join(capfd.readouterr()) + json.dumps(run.told)
    files = [path for folder in (run.folder, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert {"page", "model.onnx", "history.jsonl", "annotations.json"} <= {path.name for path in files}
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert [name for name, (data, _) in run.bucket.objects.items() if CANARY.encode() in data] == []
