"""Where a result comes from: code, configuration, data."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lowres
from lowres.config.base import Strict
from lowres.config.params import fingerprint, load_params
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


def section_hashes(sections: Mapping[str, Any]) -> dict[str, str]:
    """A hash of each section of params.yaml, given as the schema has it or as plain values; comments do not count.

    Numbers that DVC takes for equal (30 and 30.0) have one hash: it would not run a stage again for the other.
    """
    return {
        name: fingerprint(_as_compared(values.model_dump() if isinstance(values, Strict) else values))
        for name, values in sections.items()
    }


def _as_compared(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _as_compared(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_as_compared(value) for value in values]
    return float(values) if isinstance(values, bool | int) and abs(values) < 2**53 else values


def made_from(config: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the sections that a model was made from, by its configuration (`config.json`) as plain values.

    That of an earlier version knows `task` and `data.input` alone.
    """
    shared = section_hashes({"task": config["task"], "data.input": config["input"]})
    return shared | config["provenance"].get("sections", {})


def made_together(parts: Mapping[Path, Mapping[str, str]]) -> dict[str, str]:
    """What several outputs were made from, as one; ValueError where two of them had another section."""
    together: dict[str, str] = {}
    first: dict[str, Path] = {}
    for path, hashes in parts.items():
        for name, digest in hashes.items():
            if together.setdefault(name, digest) != digest:
                raise ValueError(
                    f"{path}: made from another section {name} of params.yaml than {first[name]}; `dvc repro` makes "
                    "anew what is needed"
                )
            first.setdefault(name, path)
    return together


def require_in_force(parts: Mapping[Path, Mapping[str, str]], params_file: Path) -> None:
    """ValueError where an output was made from another section than the params file has; it would tell of another run.

    Sections that took no part, such as `report`, may change.
    """
    params = load_params(params_file)
    now = section_hashes({**dict(params), "data.input": params.data.input})
    for path, hashes in parts.items():
        differ = [name for name, digest in hashes.items() if now.get(name) != digest]
        if differ:
            raise ValueError(
                f"{params_file}: {', '.join(differ)} {'is' if len(differ) == 1 else 'are'} no longer what {path} was "
                "made from; `dvc repro` makes it anew, or put the old values back"
            )


def require_same_data(identity: str | None, data: Path, *, made: Path) -> None:
    """ValueError where an output says that it was made from other data (`data_identity`) than lie in `data`."""
    if identity is not None and identity != data_identity(data):
        raise ValueError(f"{made}: was made from other data than lie in {data}; `dvc repro` makes it anew")


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
