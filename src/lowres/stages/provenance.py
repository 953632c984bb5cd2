"""Where a result comes from: code, configuration, data."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from lowres.stages.training import code_identity, data_identity


def provenance(params_file: Path, data: Path) -> dict[str, Any]:
    """Commit (None outside a git checkout), and hashes of configuration, data and of the code that trains."""
    return {
        "commit": _commit(),
        "config_sha256": hashlib.sha256(params_file.read_bytes()).hexdigest(),
        "data": data_identity(data),
        "code_sha256": code_identity(),
    }


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None
