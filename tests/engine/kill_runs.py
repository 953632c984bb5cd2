"""Kill a training again and again at random moments, resume it each time, and compare the end with an undisturbed run.

    python tests/engine/kill_runs.py --kills 20 --workers 2

First the tiny task, then a detector under its teacher on batches of a packed split. Prints one line per kill, and exits
with 1 where the final weights differ in a bit.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the root, which a program in here does not see
from detector_run import packed_signs
from processes import exit_code, start_detector, start_tiny, steps_done, wait_for_a_step

STEPS = {"tiny": 300, "detector": 150}
Begin = Callable[[Path], BaseProcess]


def finish(folder: Path, begin: Begin) -> str:
    """Train to the end, or for what is left, and return the digests of the weights."""
    assert exit_code(begin(folder), within_seconds=600.0) == 0
    return (folder / "digests.txt").read_text()


def killed_until_done(folder: Path, begin: Begin, *, kills: int, seed: int) -> str:
    """The digests of the run which at last finishes, after `kills` SIGKILLs."""
    draw = random.Random(seed)
    for kill in range(kills):
        process = begin(folder)
        if draw.random() < 0.8:  # the rest dies while it starts, reads its checkpoint or starts its workers
            wait_for_a_step(process, folder)
        time.sleep(draw.uniform(0.0, 0.5))
        process.kill()
        if exit_code(process) == 0:
            print(f"finished before kill {kill + 1}: take more steps", flush=True)
            break
        left = ", ".join(sorted(path.stem for path in folder.glob("checkpoint-*.pt")))
        print(f"kill {kill + 1} after step {steps_done(folder)}; left: {left or 'none'}", flush=True)
    return finish(folder, begin)


def ends_alike(root: Path, name: str, *, kills: int, workers: int, steps: int, seed: int) -> bool:
    """Whether the training that was killed ends with the bits of the undisturbed one; both in `root`."""
    begin = partial(start_tiny, workers=workers, steps=steps)
    if name == "detector":
        begin = partial(start_detector, split=packed_signs(root), workers=workers, steps=steps)
    expected = finish(root / "undisturbed", begin)
    found = killed_until_done(root / "killed", begin, kills=kills, seed=seed)
    verdict = "equal" if expected == found else "DIFFERENT"
    print(f"undisturbed\n{expected}killed\n{found}{name}, {workers} workers: {verdict}", flush=True)
    return expected == found


def main() -> None:
    """Run with the command line's numbers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--training", choices=list(STEPS), help="one of them alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    alike = []
    for name in [options.training] if options.training else STEPS:
        with tempfile.TemporaryDirectory() as root:
            run = {"kills": options.kills, "workers": options.workers, "steps": STEPS[name], "seed": options.seed}
            alike.append(ends_alike(Path(root), name, **run))
    sys.exit(0 if all(alike) else 1)


if __name__ == "__main__":
    main()
