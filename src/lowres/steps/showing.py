"""What the Kubeflow UI shows of a step: scalars, a confusion matrix, the report's page.

One NaN or numpy scalar in a metric ends a step of Kubeflow Pipelines (kubeflow/pipelines#12227), so all scalars pass
through here.
"""

import math
import numbers
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lowres.steps.artifacts import Artifact, ConfusionMatrix, Metrics


def show_scalars(values: Mapping[str, Any], metrics: Metrics) -> list[str]:
    """Log every finite number of nested values as a plain float under its dotted name; returns the names left out."""
    left_out = []
    for name, value in _flat(values):
        if isinstance(value, numbers.Real) and math.isfinite(value):
            metrics.log_metric(name, float(value))
        else:
            left_out.append(name)
    return left_out


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def show_confusion(details: Mapping[str, Any], matrix: ConfusionMatrix) -> None:
    """The student's confusion matrix of evaluate's details; a detector's has a last row and column for nothing."""
    counts = details["confusion"]
    counts = counts["student"] if isinstance(counts, Mapping) else counts
    names = [*details["class_names"], "nothing"][: len(counts)]
    matrix.log_confusion_matrix(names, counts)


def show_report(folder: Path, *, page: Artifact, verdict: Artifact) -> None:
    """The report's page as HTML, its summary as Markdown."""
    for artifact in (page, verdict):
        Path(artifact.path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "index.html", page.path)
    summary = (folder / "summary.txt").read_text()
    Path(verdict.path).write_text(f"```text\n{summary.rstrip()}\n```\n")
