"""From the name of a task to how it is reported."""

from lowres.stages.reporting.classification import ClassificationReporting
from lowres.stages.reporting.detection import DetectionReporting
from lowres.stages.reporting.kit import ReportingKit

_KITS: dict[str, ReportingKit] = {"detection": DetectionReporting(), "classification": ClassificationReporting()}


def reporting_kit_of(task: str) -> ReportingKit:
    """The kit of a task; ValueError for an unknown name."""
    if task not in _KITS:
        raise ValueError(f"task: {task!r} unknown; use one of {', '.join(_KITS)}")
    return _KITS[task]
