"""`make kubeflow-fail`: each step of the pipeline fails in turn; then the run is started again.

The bucket refuses what fetch and publish ask; a stage fails after its work. The failed run must end with code 2, the
step's own line and a message FAILED to the webhook. The next must succeed, with the training that failed going on
from its checkpoint, and leave the student of a run that never failed. Minutes for each.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.pipelines.local_runs import KEYS, artifacts_of, faults_of, newest_run, run_pipeline
from tests.stages.commands import lowres_process
from tests.stages.small import small_params, write_params
from tests.steps.webhook import listening
from tests.storage.dvc_layout import dvc_objects
from tests.storage.fake_s3 import FakeS3

STAGES = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]
STEPS = [*STAGES, "fetch", "publish"]
TRAINED = {"teacher", "downsampler", "distill"}  # the baseline only where params.yaml asks for it


def main(steps: list[str]) -> None:
    """Fail and finish, step by step; SystemExit with the first thing that is wrong."""
    students = set()
    for step in steps:
        with tempfile.TemporaryDirectory() as scratch, listening() as (address, told), FakeS3() as s3:
            folder = Path(scratch)
            write_params(folder / "params.yaml", small_params())
            how = _how_to_run(step, folder, s3) | {"LOWRES_WEBHOOK": address} | KEYS
            failed = _failing_run(step, folder, s3, how)
            _require(failed.returncode == 2 and "Traceback" not in failed.stdout, step, failed.stdout)
            said = f"planted in {step}" if step in STAGES else "access denied ("
            lines = [line.strip() for line in failed.stdout.splitlines() if line.strip()]
            own = next((line for line in lines if line.startswith("error: ") and said in line), "")
            failure = f"error: the pipeline failed: {own.removeprefix('error: ')}"
            _require(bool(own) and lines[-1] == failure, step, failed.stdout)
            done = run_pipeline(folder, **how)
            faults = faults_of(newest_run(folder), first="fetch" if step == "fetch" else "prepare")
            _require(done.returncode == 0 and not faults, step, "\n".join([done.stdout, *faults]))
            _require([message["state"] for message in told] == ["FAILED", "SUCCEEDED"], step, str(told))
            _require(step not in TRAINED or _went_on(step, done.stdout), step, done.stdout)
            published = [name for name in s3.objects if name.endswith("/outputs/report/index.html")]
            _require(len(published) == (step == "publish"), step, str(published))
            students.add(artifacts_of(newest_run(folder))["distill", "model"][1]["model_sha256"])
            print(f"{step:12s} failed with its line, the webhook knew, the next run succeeded", flush=True)
    _require(len(students) == 1, "students", str(students))


def _went_on(step: str, printed: str) -> bool:
    """Whether this step's own training began from a checkpoint; those before it, already complete, say so too."""
    return re.search(rf"^\s*{step}  goes on from ", printed, re.MULTILINE) is not None


def _how_to_run(step: str, folder: Path, s3: FakeS3) -> dict[str, Any]:
    """What makes a run have the step: data in the bucket, or a place for results there."""
    if step == "fetch":
        lowres_process(folder, "prepare")
        md5, objects = dvc_objects(folder / "outputs/data")
        s3.objects = {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
        return {"program": ["tests.pipelines.fetching_run", md5, s3.url]}
    return {"arguments": ["--publish-to", "s3://bucket/runs", "--endpoint-url", s3.url]} if step == "publish" else {}


def _failing_run(step: str, folder: Path, s3: FakeS3, how: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    if step in STAGES:
        return run_pipeline(folder, plant_in=step, **how)
    s3.refuse_with = "AccessDenied"
    failed = run_pipeline(folder, **how)
    s3.refuse_with = ""
    return failed


def _require(true: bool, step: str, text: str) -> None:
    if not true:
        raise SystemExit(f"{step}:\n{text[-4000:]}")


if __name__ == "__main__":
    main(sys.argv[1:] or STEPS)
