"""What export asks of a task. Apart from `measuring`, so that a change in exporting makes no measuring stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lowres.config.data import Input
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel


@dataclass(frozen=True)
class Verified:
    """How a file differs from the PyTorch model: figures ready for JSON, and in one line."""

    figures: dict[str, Any]
    summary: str


class ExportingKit(Protocol):
    """One task. `export` is its own section of params.yaml."""

    @property
    def card_template(self) -> Path:
        """The model card (`lowres.export.model_card`)."""
        ...

    def write(
        self,
        model: ThumbnailModel,
        path: Path,
        export: Any,
        sizing: Input,
        *,
        spec: ModelSpec,
        split: Path,
        metadata: Mapping[str, str],
    ) -> Verified:
        """Write the ONNX file, from raw pixels to what users want, once it agrees with the model on the split's images.

        A task may put another file beside it, held to the same. ValueError with the figures where one does not agree.
        """
        ...

    def card(self, spec: ModelSpec, sizing: Input, *, parameters: int, details: Mapping[str, Any]) -> Mapping[str, Any]:
        """The task's own facts of the card; `details` is what evaluate wrote."""
        ...
