"""`make kubeflow-local`: the pipeline on this machine, every artifact looked at, every weight held against the stages'.

Before that, ten hash seeds must compile to the same bytes. The run is a little larger than the tests': the baseline is
trained too. Then `dvc repro` runs the stages in a clone with the same params.yaml, up to baseline and distill; their
weights must have the sha256 of the pipeline's.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.golden import FOLDER
from tests.pipelines.clone import make_clone
from tests.pipelines.local_runs import artifacts_of, faults_of, newest_run, run_pipeline
from tests.stages.small import small_params, write_params

from lowres.models.checksum import sha256_of
from lowres.steps.places import PLACES

TRAINED = ["teacher", "downsampler", "baseline", "distill"]


def main() -> None:
    """Run both ways and compare; SystemExit with what differs."""
    _compile_under_ten_seeds()
    values = small_params()
    values["baseline"]["train"] = True
    for stage in ("teacher", "distill"):
        values[stage]["train"] |= {"steps": 12, "evaluate_every_steps": 6}
    with tempfile.TemporaryDirectory() as scratch:
        pipeline, stages = Path(scratch) / "pipeline", make_clone(Path(scratch) / "stages")
        pipeline.mkdir()
        for folder in (pipeline, stages):
            write_params(folder / "params.yaml", values)
        began = time.monotonic()
        done = run_pipeline(pipeline)
        print(f"pipeline: {time.monotonic() - began:.0f} s, exit code {done.returncode}")
        if done.returncode:
            raise SystemExit(done.stdout[-4000:])
        found = artifacts_of(newest_run(pipeline))
        faults = faults_of(newest_run(pipeline))
        for (step, name), (path, _) in sorted(found.items()):
            files = [file for file in (path, *path.rglob("*")) if file.is_file()]
            print(
                f"  {step + '.' + name:20s} {len(files):3d} files {sum(file.stat().st_size for file in files):9d} bytes"
            )
        began = time.monotonic()
        repeated = subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "baseline", "distill"],
            cwd=stages,
            check=False,
            capture_output=True,
            text=True,
        )
        if repeated.returncode:
            raise SystemExit((repeated.stdout + repeated.stderr)[-4000:])
        print(f"dvc repro baseline distill: {time.monotonic() - began:.0f} s")
        for stage in TRAINED:
            ours = sha256_of(found[stage, "model"][0] / "model.safetensors")
            theirs = sha256_of(stages / PLACES[stage, "model"] / "model.safetensors")
            print(f"  {stage:12s} {ours[:16]} {theirs[:16]}")
            if ours != theirs:
                faults.append(f"{stage}: the pipeline's weights differ from those of dvc repro")
    if faults:
        raise SystemExit("\n".join(faults))
    print("every artifact is there; the weights are the same both ways")


def _compile_under_ten_seeds() -> None:
    golden = {path.name: path.read_bytes() for path in FOLDER.glob("*.yaml")}
    program = "import pathlib, sys; from pipelines.golden import write_golden; write_golden(pathlib.Path(sys.argv[1]))"
    for seed in range(10):
        with tempfile.TemporaryDirectory() as scratch:
            environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
            subprocess.run([sys.executable, "-c", program, scratch], env=environment, check=True)
            if {path.name: path.read_bytes() for path in Path(scratch).iterdir()} != golden:
                raise SystemExit(f"hash seed {seed} compiles to other bytes; run: python -m pipelines.golden")
    print(f"ten hash seeds compile to the same {len(golden)} files")


if __name__ == "__main__":
    main()
