"""Where a result comes from: code, configuration, data."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import lowres
from lowres.config.params import fingerprint
from lowres.data.shards import read_index

_PACKAGE = Path(lowres.__file__).parent

# What decides a training's result: whole folders, in which another task's modules count unasked, and single files.
CODE = ("ops", "models", "tasks", "engine", "data", "evaluation", "stages/kits")
FILES = (
    "records.py",
    "stages/baseline.py",
    "stages/batches.py",
    "stages/distill.py",
    "stages/downsampler.py",
    "stages/student.py",
    "stages/teacher.py",
    "stages/training.py",
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
    """A hash of all packed splits: 16 digits of SHA-256 over their indexes, which hold those of shards and annotations.

    It is not the md5 that dvc.lock has of the folder: that would cost another reading of every shard.
    """
    parts = [read_index(data / split) for split in ("train", "val", "test")]
    return fingerprint(parts)


def split_identity(split: Path) -> str:
    """A hash of one packed split: of its images and annotations."""
    return fingerprint(read_index(split))


def code_files() -> list[str]:
    """The source that decides a training's result: paths below the package, sorted."""
    found = [path.relative_to(_PACKAGE) for folder in CODE for path in (_PACKAGE / folder).glob("*.py")]
    return sorted([*map(str, found), *FILES])


def code_identity() -> str:
    """A hash of the source that decides a training's result."""
    digest = hashlib.sha256()
    for name in code_files():
        digest.update(name.encode() + (_PACKAGE / name).read_bytes())
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
