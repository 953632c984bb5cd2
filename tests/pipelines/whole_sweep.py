"""`make kubeflow-sweep`: a tiny sweep on this machine, its comparison looked at.

Two down-samplers with one seed: the loop runs twice, and the comparing step has to find both scores.
"""

import json
import tempfile
import time
from pathlib import Path

from tests.pipelines.local_runs import newest_run, run_pipeline
from tests.stages.small import small_params, write_params

KINDS = ("bicubic", "learned")


def main() -> None:
    """Run it; SystemExit with what is wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_params(folder / "params.yaml", small_params())
        began = time.monotonic()
        done = run_pipeline(folder, arguments=["--sweep", ",".join(KINDS), "--seeds", "0"])
        print(f"sweep: {time.monotonic() - began:.0f} s, exit code {done.returncode}")
        if done.returncode:
            raise SystemExit(done.stdout[-4000:])
        run = newest_run(folder)
        (compared,) = run.rglob("compare/executor_output.json")
        scalars = json.loads(compared.read_text())["artifacts"]["metrics"]["artifacts"][0]["metadata"]
        verdict = (compared.parent / "verdict").read_text()
        print(verdict)
        faults = [f"no score of {kind}" for kind in KINDS if f"{kind}.seeds" not in scalars]
        faults += [f"the verdict lacks {kind}" for kind in KINDS if f"| {kind} | 1 |" not in verdict]
        if not (compared.parent / "page").read_text().lstrip().startswith("<!doctype html>"):
            faults.append("the page is not HTML")
        teachers = list(run.rglob("teacher/model"))
        if len(teachers) != 1:
            faults.append(f"{len(teachers)} teachers instead of one")
        if faults:
            raise SystemExit("\n".join(faults))
    print("one teacher, two students, one comparison")


if __name__ == "__main__":
    main()
