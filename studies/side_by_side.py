"""Arms of a study side by side, each in a process of its own with one thread.

Small models divide badly: two arms of one thread each finish half as many again in the same time as arms of two
threads in a row.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]


def default_jobs() -> int:
    """One for each core, eight at most."""
    return min(os.cpu_count() or 1, 8)


def run_side_by_side(module: str, keys: Sequence[str], *, work: Path, jobs: int, environment: dict[str, str]) -> None:
    """Call `python -m MODULE --arm KEY --jobs 1` for each key, `jobs` at a time; print what became of each.

    An arm's output goes to WORK/KEY.log; the process starts in WORK/KEY/process, so that each arm has checkpoints of
    its own: arms with the same down-sampler would wait for each other's.

    Raises:
        SystemExit: some arm failed; the others were run all the same.
    """
    work.mkdir(parents=True, exist_ok=True)
    everywhere = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *_python_path()])}

    def finish(key: str) -> str:
        log, folder = work / f"{key}.log", work / key / "process"
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", module, "--arm", key, "--jobs", "1"]
        with log.open("w") as file:
            variables = os.environ | everywhere | environment
            done = subprocess.run(command, stdout=file, stderr=file, env=variables, cwd=folder, check=False)
        lines = log.read_text().splitlines() or ["no output"]
        return lines[-1] if done.returncode == 0 else f"== {key} ended with {done.returncode}: {lines[-1]} ({log})"

    failed = 0
    with ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(finish, keys):
            print(outcome, flush=True)
            failed += "ended with" in outcome
    if failed:
        raise SystemExit(f"{failed} arms failed")


def _python_path() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH")] if path]
