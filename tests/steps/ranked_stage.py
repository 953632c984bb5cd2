"""A stage that counts the processes that run it, and says what threads each has left when its work is done."""

import atexit
import logging
from pathlib import Path
from typing import Any

from torch import nn

from lowres.engine.distributed import current_ranks, gather_rows, wrap

_said: list[Path] = []


@atexit.register  # before the process joins its group, so called after all that the group registers
def say_threads() -> None:
    for path in _said:
        names = (task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm"))
        path.write_text("\n".join(names))


def run(task_name: str, *, out_model: Path) -> dict[str, Any]:
    ranks = current_ranks()
    logging.getLogger(__name__).info("told by rank %d", ranks.rank)
    if task_name == "classification":
        raise ValueError("planted\nin a rank")
    _said.append(out_model.with_name(f"threads-{ranks.rank}"))
    model = wrap(nn.Linear(1, 1), ranks)
    everyone = [int(row[0]) for row in gather_rows([float(ranks.rank)], ranks)]
    if ranks.is_main:
        out_model.mkdir()
        assert isinstance(model, nn.parallel.DistributedDataParallel)
    return {"ranks": everyone} if ranks.is_main else {}
