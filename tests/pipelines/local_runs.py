"""The pipeline through the command line on this machine, and what a run leaves."""

import json
import os
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


def run_pipeline(
    folder: Path, *, plant_in: str = "", arguments: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess:
    """`lowres pipeline run --local` on the folder's params.yaml; `plant_in` names a stage that fails after its work."""
    path = [str(ROOT / "tests/pipelines/planting")] if plant_in else []
    whole = {**os.environ, "OMP_NUM_THREADS": "1", "PLANT_IN": plant_in, **environment}
    whole["PYTHONPATH"] = os.pathsep.join([*path, str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "lowres.cli", "pipeline", "run", "--local", *arguments]
    return subprocess.run(
        command, cwd=folder, env=whole, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


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


def faults_of(run: Path) -> list[str]:
    """What is wrong with the artifacts of a finished run; empty if nothing is."""
    found, faults = artifacts_of(run), []
    if found.keys() != PLACES.keys() | SHOWN:
        faults.append(f"artifacts differ from those expected: {sorted(found.keys() ^ (PLACES.keys() | SHOWN))}")
    for (step, name), (path, metadata) in found.items():
        if name == "confusion":  # all of it is metadata
            faults += [] if metadata.get("confusionMatrix") else [f"{step}.{name} has no matrix"]
        elif name == "metrics":  # these too; a baseline that is not wanted has none
            faults += [] if metadata or step == "baseline" else [f"{step}.{name} has no scalar"]
        elif not (any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size > 0):
            faults.append(f"{step}.{name} is empty")
        if name != "metrics":
            missing = {"data", "config", "code_sha256", "commit", "image"} - metadata.keys()
            faults += [f"{step}.{name} lacks metadata {sorted(missing)}"] if missing else []
    return faults
