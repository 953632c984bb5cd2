"""`make kubeflow-fail`: each step of the pipeline fails in turn, after its work; then the run is started again.

The failed run must end with code 2, the step's own line and a message FAILED to the webhook. The next must succeed,
with the training that failed going on from its checkpoint, and leave the student of a run that never failed. Minutes for each.
"""

import re
import sys
import tempfile
from pathlib import Path

from tests.pipelines.local_runs import artifacts_of, faults_of, newest_run, run_pipeline
from tests.stages.small import small_params, write_params
from tests.steps.webhook import listening

STEPS = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]
TRAINED = {"teacher", "downsampler", "distill"}  # the baseline only where params.yaml asks for it


def main(steps: list[str]) -> None:
    """Fail and finish, step by step; SystemExit with the first thing that is wrong."""
    students = set()
    for step in steps:
        with tempfile.TemporaryDirectory() as scratch, listening() as (address, told):
            folder = Path(scratch)
            write_params(folder / "params.yaml", small_params())
            failed = run_pipeline(folder, plant_in=step, LOWRES_WEBHOOK=address)
            last = failed.stdout.strip().splitlines()[-1]
            _require(failed.returncode == 2 and last.endswith(f"planted in {step}"), step, failed.stdout)
            done = run_pipeline(folder, LOWRES_WEBHOOK=address)
            _require(done.returncode == 0 and not faults_of(newest_run(folder)), step, done.stdout)
            _require([message["state"] for message in told] == ["FAILED", "SUCCEEDED"], step, str(told))
            _require(step not in TRAINED or _went_on(step, done.stdout), step, done.stdout)
            students.add(artifacts_of(newest_run(folder))["distill", "model"][1]["model_sha256"])
            print(f"{step:12s} failed with its line, the webhook knew, the next run succeeded", flush=True)
    _require(len(students) == 1, "students", str(students))


def _went_on(step: str, printed: str) -> bool:
    """Whether this step's own training began from a checkpoint; those before it, already complete, say so too."""
    return re.search(rf"^\s*{step}  goes on from ", printed, re.MULTILINE) is not None


def _require(true: bool, step: str, text: str) -> None:
    if not true:
        raise SystemExit(f"{step}:\n{text[-4000:]}")


if __name__ == "__main__":
    main(sys.argv[1:] or STEPS)
