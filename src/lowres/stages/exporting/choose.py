"""From the name of a task to how it is exported."""

from lowres.stages.exporting.classification import ClassificationExporting
from lowres.stages.exporting.detection import DetectionExporting
from lowres.stages.exporting.kit import ExportingKit

_KITS: dict[str, ExportingKit] = {"detection": DetectionExporting(), "classification": ClassificationExporting()}


def exporting_kit_of(task: str) -> ExportingKit:
    """The kit of a task; ValueError for an unknown name."""
    if task not in _KITS:
        raise ValueError(f"task: {task!r} unknown; use one of {', '.join(_KITS)}")
    return _KITS[task]
