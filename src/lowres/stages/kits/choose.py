"""From the name of a task to how it is trained."""

from lowres.stages.kits.classification import ClassificationKit
from lowres.stages.kits.detection import DetectionKit
from lowres.stages.kits.kit import Kit

_KITS: dict[str, Kit] = {"detection": DetectionKit(), "classification": ClassificationKit()}


def kit_of(task: str) -> Kit:
    """The kit of a task; ValueError for an unknown name."""
    if task not in _KITS:
        raise ValueError(f"task: {task!r} unknown; use one of {', '.join(_KITS)}")
    return _KITS[task]
