"""A stage on every GPU of a pod: `torchrun --standalone` runs this module once for each; the first says what came.

What the stage gets travels in a file: sections of params.yaml as text, paths as text.
"""

import importlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowres.engine.launch import run_ranks
from lowres.steps.failing import LAST_WORDS, one_line_errors
from lowres.steps.mirroring import mirrored_checkpoints
from lowres.steps.sections import parse_sections


def run_on_ranks(
    stage: Callable[..., dict[str, Any]], sections: Mapping[str, str], places: Mapping[str, Path], *, count: int
) -> dict[str, Any]:
    """Run a stage's `run` in `count` processes and return what the first of them returned.

    Raises:
        ValueError: a process failed; the text is its own last line.
        SystemExit: they were stopped by a signal (128 plus its number), or ended without a word.
    """
    with tempfile.TemporaryDirectory() as scratch:
        task, result, said = (Path(scratch) / name for name in ("task.json", "result.json", "said"))
        said.touch()
        content = {
            "stage": stage.__module__,
            "sections": dict(sections),
            "places": {name: str(path) for name, path in places.items()},
            "result": str(result),
            "said": str(said),
        }
        task.write_text(json.dumps(content))
        code = run_ranks(__name__, [str(task)], count=count)
        if code and code < 128 and said.read_text():
            raise ValueError(said.read_text().strip().removeprefix("error: "))
        if code:
            raise SystemExit(code)
        return json.loads(result.read_text())


def main(task: Path) -> None:
    """The work of one process."""
    import torch

    from lowres.engine.distributed import current_ranks, process_group

    # As kfp does for a step of one process: that the mirror works again, and from where a checkpoint came, is news.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    content = json.loads(task.read_text())
    os.environ[LAST_WORDS] = content["said"]
    stage = importlib.import_module(content["stage"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # The group outlives what a process says of its failure, so that no other says first that it is gone.
    with process_group(device), one_line_errors(), mirrored_checkpoints():
        places = {name: Path(path) for name, path in content["places"].items()}
        values = stage.run(*parse_sections(content["sections"]), **places)
        if current_ranks().is_main:
            Path(content["result"]).write_text(json.dumps(values))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
