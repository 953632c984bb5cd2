"""Reading compiled pipelines."""

import copy
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML


def documents(path: Path) -> tuple[dict, dict]:
    """The pipeline and its settings for Kubernetes, a copy to change at will."""
    return copy.deepcopy(_read(path))


@cache
def _read(path: Path) -> tuple[dict, dict]:
    pipeline, platform = YAML(typ="safe").load_all(path.read_text())
    return pipeline, platform
