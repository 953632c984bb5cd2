"""What this layer needs of a pipeline's artifacts. Kubeflow's own classes fit; none is imported."""

from typing import Any, Protocol


class Artifact(Protocol):
    """A file or folder that travels between steps, with free metadata that the UI shows."""

    path: str
    metadata: dict[str, Any]


class Metrics(Artifact, Protocol):
    """An artifact whose metadata are scalars."""

    def log_metric(self, metric: str, value: float) -> None:
        """Add one."""
        ...


class ConfusionMatrix(Artifact, Protocol):
    """An artifact that the UI draws as a matrix of true by predicted class."""

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        """Set it."""
        ...
