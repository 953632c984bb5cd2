"""From a model folder or an ONNX file to a loaded model, by the task that it names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lowres.export.classifier_runtime import OnnxClassifier
from lowres.export.runtime import OnnxDetector
from lowres.export.session import task_of_file
from lowres.loaded.classifier import OnnxFileClassifier, TorchClassifier
from lowres.loaded.detector import OnnxFileDetector, TorchDetector
from lowres.loaded.model import Classifier, Detector
from lowres.models.artifact import ModelSpec, load_model


@dataclass(frozen=True)
class _Ways:
    """How a model of one task is loaded: from a folder, and from a file with a number of threads."""

    folder: Callable[[Path, Any, ModelSpec], Detector | Classifier]
    file: Callable[[Path, int], Detector | Classifier]


_TASKS = {
    "detection": _Ways(TorchDetector, lambda path, threads: OnnxFileDetector(OnnxDetector(path, threads=threads))),
    "classification": _Ways(
        TorchClassifier, lambda path, threads: OnnxFileClassifier(OnnxClassifier(path, threads=threads))
    ),
}


def load_folder(folder: Path) -> Detector | Classifier:
    """A trained model, made fast; ValueError for a folder that is none or is damaged."""
    model, spec = load_model(folder)
    return _TASKS[spec.task].folder(folder, model.for_inference(), spec)


def load_file(path: Path) -> Detector | Classifier:
    """An exported file, with as many threads as PyTorch has; ValueError for a file that lowres did not export."""
    task = task_of_file(path)
    if task not in _TASKS:
        raise ValueError(f"{path}: an ONNX file for {task}; this version knows {', '.join(_TASKS)}")
    return _TASKS[task].file(path, torch.get_num_threads())
