"""Results of arms: one JSON each, in the repository."""

import json
from pathlib import Path


def has_result(path: Path, *, params: str) -> bool:
    """Whether there is a result; SystemExit for one that was made with other parameters than `params`, a hash."""
    if not path.is_file():
        return False
    if json.loads(path.read_text())["params"] != params:
        raise SystemExit(f"{path}: made with other parameters than the arm has now; remove it to run the arm again")
    return True
