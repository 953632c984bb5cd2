"""distill: the student, which sees only thumbnails, under the frozen teacher (stage two of Algorithm 2)."""

from pathlib import Path
from typing import Any

from lowres.config.data import Input
from lowres.config.params import Distill
from lowres.stages.student import train_student


def run(
    task_name: str,
    distill: Distill,
    sizing: Input,
    *,
    data: Path,
    teacher: Path,
    downsampler: Path,
    out_model: Path,
    out_metrics: Path,
    out_history: Path,
) -> dict[str, Any]:
    """Train under the teacher, write the model folder."""
    return train_student(
        task_name,
        distill,
        sizing,
        label="distill",
        under_teacher=True,
        data=data,
        teacher=teacher,
        downsampler=downsampler,
        out_model=out_model,
        out_metrics=out_metrics,
        out_history=out_history,
    )
