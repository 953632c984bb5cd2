"""`make kubeflow-circle`: a real run of the small pipeline into a bucket, adopted in a fresh clone, and shared from it.

`dvc repro` must then have nothing to run, `dvc push` and `pull` must give a third clone the same student. Minutes.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from tests.pipelines.clone import git, make_clone
from tests.pipelines.local_runs import KEYS, artifacts_of, newest_run, run_pipeline
from tests.storage.moto_process import moto_server

from lowres.models.checksum import sha256_of


def main() -> None:
    """Go round; SystemExit with what is wrong."""
    os.environ |= KEYS
    with tempfile.TemporaryDirectory() as scratch, moto_server() as url:
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="bucket")
        first = make_clone(Path(scratch) / "first")
        remote = f"['remote \"store\"']\n    url = s3://bucket/dvc\n    endpointurl = {url}\n"
        (first / ".dvc/config").write_text(f"[core]\n    remote = store\n{remote}")
        git(first, "commit", "-q", "-a", "-m", "a remote")
        began = time.monotonic()
        done = run_pipeline(first, arguments=["--publish-to", "s3://bucket/runs", "--endpoint-url", url])
        _require(done.returncode == 0, done.stdout)
        print(f"run: {time.monotonic() - began:.0f} s")
        student = sha256_of(artifacts_of(newest_run(first))["distill", "model"][0] / "model.safetensors")
        listed = boto3.client("s3", endpoint_url=url).list_objects_v2(Bucket="bucket", Prefix="runs/", Delimiter="/")
        (run,) = [entry["Prefix"] for entry in listed["CommonPrefixes"]]

        second = _clone(first, Path(scratch) / "second")
        print(_run(second, "lowres.cli", "pipeline", "adopt", f"s3://bucket/{run}"))
        repeated = _run(second, "dvc", "repro")
        _require("Running stage" not in repeated, repeated)
        _run(second, "dvc", "push")
        git(second, "add", "-f", "dvc.lock", "outputs/metrics")
        git(second, "commit", "-q", "-m", "adopted")

        third = _clone(second, Path(scratch) / "third")
        _run(third, "dvc", "pull")
        repeated = _run(third, "dvc", "repro")
        _require("Running stage" not in repeated, repeated)
        for folder in (second, third):
            _require(sha256_of(folder / "outputs/student/model.safetensors") == student, f"{folder}: another student")
    print("adopted, nothing to run, pushed and pulled: the same student in three clones")


def _clone(source: Path, target: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(source), str(target)], check=True)
    return target


def _run(folder: Path, *command: str) -> str:
    # Without the folder of `lowres` on the PATH: a stage that ran would fail.
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    _require(done.returncode == 0, done.stdout + done.stderr)
    return done.stdout


def _require(true: bool, text: str) -> None:
    if not true:
        raise SystemExit(text[-4000:])


if __name__ == "__main__":
    main()
