"""From the name of a task to how it is measured."""

from lowres.stages.measuring.classification import ClassificationMeasuring
from lowres.stages.measuring.detection import DetectionMeasuring
from lowres.stages.measuring.kit import MeasuringKit

_KITS: dict[str, MeasuringKit] = {"detection": DetectionMeasuring(), "classification": ClassificationMeasuring()}


def measuring_kit_of(task: str) -> MeasuringKit:
    """The kit of a task; ValueError for an unknown name."""
    if task not in _KITS:
        raise ValueError(f"task: {task!r} unknown; use one of {', '.join(_KITS)}")
    return _KITS[task]
