"""Artifacts as the stages' steps see them, without kfp."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Recorded:
    path: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def log_metric(self, metric: str, value: float) -> None:
        self.metadata[metric] = value

    def log_confusion_matrix(self, categories, matrix) -> None:
        self.metadata["confusion"] = (categories, matrix)


def recorded(path: Path) -> Recorded:
    return Recorded(str(path))
