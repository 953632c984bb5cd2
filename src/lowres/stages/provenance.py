"""Where a result comes from: code, configuration, data."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import lowres
from lowres.config.params import fingerprint
from lowres.data.shards import read_index

# What decides a training's result: whole layers, and single files.
CODE = ("ops", "models", "tasks", "engine", "data", "evaluation")
FILES = (
    "records.py",
    *(f"stages/{name}.py" for name in ("batches", "downsampler", "student", "teacher", "training")),
    *(f"stages/kits/{name}.py" for name in ("classification", "detection", "kit")),
)


def provenance(params_file: Path, data: Path) -> dict[str, Any]:
    """Commit (None outside a git checkout), and hashes of configuration, data and of the code that trains."""
    return {
        "commit": commit(),
        "config_sha256": hashlib.sha256(params_file.read_bytes()).hexdigest(),
        "data": data_identity(data),
        "code_sha256": code_identity(),
    }


def data_identity(data: Path) -> str:
    """A hash of all packed splits: of their indexes, which hold the hashes of shards and annotations."""
    parts = [read_index(data / split) for split in ("train", "val", "test")]
    return fingerprint(parts)


def split_identity(split: Path) -> str:
    """A hash of one packed split: of its images and annotations."""
    return fingerprint(read_index(split))


def code_identity() -> str:
    """A hash of the source that decides a training's result."""
    root = Path(lowres.__file__).parent
    digest = hashlib.sha256()
    paths = [path for layer in CODE for path in (root / layer).glob("*.py")] + [root / name for name in FILES]
    for path in sorted(paths):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def commit() -> str | None:
    """The commit that LOWRES_COMMIT names, as images without a checkout do; else that of the checkout; else None."""
    if os.environ.get("LOWRES_COMMIT"):
        return os.environ["LOWRES_COMMIT"]
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None
