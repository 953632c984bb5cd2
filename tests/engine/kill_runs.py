"""Kill a training again and again at random moments, resume it each time, and compare the end with an undisturbed run.

    python tests/engine/kill_runs.py --kills 20 --workers 2

Prints one line per kill, and exits with 1 where the final weights differ in a bit.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from processes import exit_code, start_tiny, steps_done, wait_for_a_step


def finish(folder: Path, *, workers: int, steps: int) -> str:
    """Train to the end, or for what is left, and return the digests of the weights."""
    assert exit_code(start_tiny(folder, workers=workers, steps=steps), within_seconds=300.0) == 0
    return (folder / "digests.txt").read_text()


def killed_until_done(folder: Path, *, kills: int, workers: int, steps: int, seed: int) -> str:
    """The digests of the run which at last finishes, after `kills` SIGKILLs."""
    draw = random.Random(seed)
    for kill in range(kills):
        process = start_tiny(folder, workers=workers, steps=steps)
        if draw.random() < 0.8:  # the rest dies while it starts, reads its checkpoint or starts its workers
            wait_for_a_step(process, folder)
        time.sleep(draw.uniform(0.0, 0.5))
        process.kill()
        if exit_code(process) == 0:
            print(f"finished before kill {kill + 1}: take more steps", flush=True)
            break
        left = ", ".join(sorted(path.stem for path in folder.glob("checkpoint-*.pt")))
        print(f"kill {kill + 1} after step {steps_done(folder)}; left: {left or 'none'}", flush=True)
    return finish(folder, workers=workers, steps=steps)


def main() -> None:
    """Run with the command line's numbers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = {"workers": options.workers, "steps": options.steps}
        expected = finish(Path(name) / "undisturbed", **run)
        found = killed_until_done(Path(name) / "killed", kills=options.kills, seed=options.seed, **run)
    same = expected == found
    print(f"undisturbed\n{expected}killed\n{found}{'equal' if same else 'DIFFERENT'}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
