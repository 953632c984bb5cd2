"""Reading compiled pipelines."""

from pathlib import Path

from ruamel.yaml import YAML


def documents(path: Path) -> tuple[dict, dict]:
    """The pipeline and its settings for Kubernetes."""
    pipeline, platform = YAML(typ="safe").load_all(path.read_text())
    return pipeline, platform
