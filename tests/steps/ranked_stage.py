"""A stage that counts the processes that run it."""

from pathlib import Path
from typing import Any

from lowres.engine.distributed import current_ranks, gather_rows


def run(task_name: str, *, out_model: Path) -> dict[str, Any]:
    ranks = current_ranks()
    if task_name == "classification":
        raise ValueError("planted\nin a rank")
    everyone = [int(row[0]) for row in gather_rows([float(ranks.rank)], ranks)]
    if ranks.is_main:
        out_model.mkdir()
    return {"ranks": everyone} if ranks.is_main else {}
