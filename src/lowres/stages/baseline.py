"""baseline: the student of distill without its teacher, where asked for: what distillation is held against."""

from pathlib import Path
from typing import Any

from lowres.config.data import Input
from lowres.config.params import Baseline, Distill
from lowres.engine.distributed import current_ranks
from lowres.stages.outputs import whole_folder, write_headers, write_json
from lowres.stages.student import train_student


def run(
    task_name: str,
    baseline: Baseline,
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
    """Train on labels alone, from the same initial weights, for as many steps; a note instead where not asked for."""
    if not baseline.train:
        if not current_ranks().is_main:
            return {}
        for folder in (out_model, out_history):
            with whole_folder(folder) as work:
                (work / "not-trained.txt").write_text("params.yaml says baseline.train: false\n")
                if folder == out_history:
                    write_headers(work, {"train.csv": ("step", "loss"), "evaluation.csv": ("step", "chosen_by")})
        write_json(out_metrics, {"trained": False})
        return {"trained": False}
    return train_student(
        task_name,
        distill,
        sizing,
        label="baseline",
        under_teacher=False,
        data=data,
        teacher=teacher,
        downsampler=downsampler,
        out_model=out_model,
        out_metrics=out_metrics,
        out_history=out_history,
    )
