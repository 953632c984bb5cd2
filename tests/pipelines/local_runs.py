"""The pipeline through the command line on this machine, and what a run leaves."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lowres.steps.places import PLACES

ROOT = Path(__file__).parents[2]
# What only the UI shows, beside the outputs that dvc.yaml names.
SHOWN = {("evaluate", "confusion"), ("report", "page"), ("report", "verdict")} | {
    (step, "metrics") for step, name in PLACES if name == "numbers"
}
# Nobody's, for a bucket on this machine.
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
LOCAL = ("lowres.cli", "pipeline", "run", "--local")


def run_pipeline(folder: Path, **how: Any) -> subprocess.CompletedProcess[str]:
    """A run to its end; `how` as in `start_pipeline`. Its output, errors among it, is `stdout`."""
    process = start_pipeline(folder, output=subprocess.PIPE, **how)
    told, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, told)


def start_pipeline(
    folder: Path,
    *,
    output: Any,
    program: Sequence[str] = LOCAL,
    arguments: Sequence[str] = (),
    plant_in: str = "",
    process_group: int | None = None,
    **environment: str,
) -> subprocess.Popen[str]:
    """`lowres pipeline run --local`, or another module with its arguments, on the folder's params.yaml.

    `plant_in` names a stage that fails after its work; the other options are those of Popen and variables of the
    environment.
    """
    path = [str(ROOT / "tests/pipelines/planting")] if plant_in else []
    # Unbuffered: a run that is killed has said all that it had to say.
    plain = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PLANT_IN": plant_in}
    whole = {**os.environ, **plain, **environment}
    whole["PYTHONPATH"] = os.pathsep.join([*path, str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        [sys.executable, "-m", *program, *arguments],
        cwd=folder,
        env=whole,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=process_group,
    )


def ended_steps(told: str) -> dict[str, str]:
    """How each step that has ended did, by its name, from the output of a run."""
    plain = re.sub(r"\x1b\[\d+m", "", told)
    return dict(re.findall(r"Task '([a-z-]+)' finished with status ([A-Z]+)", plain))


def newest_run(folder: Path) -> Path:
    """The outputs of the last run."""
    return max((folder / "outputs/pipeline").iterdir(), key=lambda path: path.stat().st_mtime)


def artifacts_of(run: Path) -> dict[tuple[str, str], tuple[Path, dict[str, Any]]]:
    """Path and metadata of every artifact of a run, by step and name."""
    found = {}
    for path in run.glob("*/executor_output.json"):
        for name, listed in json.loads(path.read_text()).get("artifacts", {}).items():
            (artifact,) = listed["artifacts"]
            found[path.parent.name, name] = (path.parent / name, artifact.get("metadata", {}))
    return found


def faults_of(run: Path, *, first: str = "prepare") -> list[str]:
    """What is wrong with the artifacts of a finished run, whose data `first` gives; empty if nothing is."""
    found, faults = artifacts_of(run), []
    expected = PLACES.keys() - {("prepare", "splits")} | {(first, "splits")} | SHOWN
    if found.keys() != expected:
        faults.append(f"artifacts differ from those expected: {sorted(found.keys() ^ expected)}")
    for (step, name), (path, metadata) in found.items():
        if name == "confusion":  # all of it is metadata
            faults += [] if metadata.get("confusionMatrix") else [f"{step}.{name} has no matrix"]
        elif name == "metrics":  # these too; a baseline that is not wanted has none
            faults += [] if metadata or step == "baseline" else [f"{step}.{name} has no scalar"]
        elif not any(file.is_file() and file.stat().st_size > 0 for file in (path, *path.rglob("*"))):
            faults.append(f"{step}.{name} is empty")
        if name != "metrics":
            missing = {"data", "config", "code_sha256", "commit", "image"} - metadata.keys()
            faults += [f"{step}.{name} lacks metadata {sorted(missing)}"] if missing else []
    return faults
