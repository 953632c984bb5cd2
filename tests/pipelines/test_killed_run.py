"""A local run is killed with all its processes, and started again: it goes on from its checkpoints to the same weights.

SIGKILL comes inside the teacher's training, then when the teacher's step has ended and the next is only starting, then
inside the student's training.
"""

import contextlib
import os
import re
import signal
import time

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
if not os.environ.get("LOWRES_LOCAL_PIPELINE"):
    pytest.skip("minutes of CPU: `make kubeflow-fail` runs it", allow_module_level=True)
from tests.pipelines.local_runs import artifacts_of, ended_steps, faults_of, newest_run, run_pipeline, start_pipeline
from tests.stages.small import tiny_params, write_params

from lowres.engine.checkpoint import list_checkpoints
from lowres.models.checksum import sha256_of

TRAINED = ("teacher", "downsampler", "distill")
STEPS = 20
WITHIN_S = 1200.0  # on a machine with much else to do


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sha256 of each model of a run that nothing befell."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_slow_params(folder)
    done = run_pipeline(folder)
    assert done.returncode == 0, done.stdout
    return weights(folder)


def write_slow_params(folder):
    """Trainings long enough to be hit, with a checkpoint after every step."""
    values = tiny_params()
    for section in ("teacher", "distill"):
        values[section]["train"] |= {"steps": STEPS, "evaluate_every_steps": STEPS, "checkpoint_minutes": 1e-6}
    write_params(folder / "params.yaml", values)


def weights(folder):
    found = artifacts_of(newest_run(folder))
    return {stage: sha256_of(found[stage, "model"][0] / "model.safetensors") for stage in TRAINED}


def killed_once(folder, due):
    """Start the run, kill its whole process group as soon as `due` holds for its output so far; all that it said."""
    log = folder / "output"
    with log.open("w") as output:
        process = start_pipeline(folder, output=output, process_group=0)
        try:
            deadline = time.monotonic() + WITHIN_S
            while not due(log.read_text()):
                assert process.poll() is None, f"it ended before it could be killed:\n{log.read_text()}"
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return log.read_text()


def checkpoints(folder, stage):
    return [path for run in folder.glob(f".lowres/runs/{stage}-*") for path in list_checkpoints(run)]


def reached(folder, stage):
    """How a training that goes on from its newest checkpoint says so, and the step of that checkpoint."""
    newest = checkpoints(folder, stage)[-1]
    step = int(re.findall(r"\d+", newest.name)[0])
    return f"{stage}  goes on from {newest.name}, step {step} of {STEPS}", step


def test_a_run_killed_inside_and_between_steps_ends_with_the_weights_of_one_that_was_not(tmp_path, undisturbed):
    write_slow_params(tmp_path)
    killed_once(tmp_path, lambda told: len(checkpoints(tmp_path, "teacher")) > 1)
    in_teacher, step = reached(tmp_path, "teacher")
    assert 0 < step < STEPS
    assert ("teacher", "model") not in artifacts_of(newest_run(tmp_path))

    told = killed_once(tmp_path, lambda told: "teacher" in ended_steps(told))
    assert in_teacher in told
    after_teacher, step = reached(tmp_path, "teacher")
    assert step == STEPS
    assert {step for step, _ in artifacts_of(newest_run(tmp_path))} == ended_steps(told).keys()
    assert not checkpoints(tmp_path, "distill")

    told = killed_once(tmp_path, lambda told: len(checkpoints(tmp_path, "distill")) > 1)
    assert after_teacher in told
    in_distill, step = reached(tmp_path, "distill")
    assert 0 < step < STEPS

    done = run_pipeline(tmp_path)
    assert done.returncode == 0, done.stdout
    assert after_teacher in done.stdout
    assert in_distill in done.stdout
    assert faults_of(newest_run(tmp_path)) == []
    assert weights(tmp_path) == undisturbed
