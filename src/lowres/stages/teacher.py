"""teacher: the full-resolution model."""

from pathlib import Path
from typing import Any

import torch

from lowres.config.data import Input
from lowres.config.params import Teacher
from lowres.data.truth import category_ids, class_names
from lowres.engine.distributed import current_ranks
from lowres.models.artifact import ModelSpec, save_model
from lowres.stages.batches import choose_device
from lowres.stages.kits.choose import kit_of
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.provenance import data_identity, section_hashes
from lowres.stages.training import train_task, weights_identity, write_history


def run(
    task_name: str,
    teacher: Teacher,
    sizing: Input,
    *,
    data: Path,
    out_model: Path,
    out_metrics: Path,
    out_history: Path,
) -> dict[str, Any]:
    """Train on the train split, keep the weights that are best on the val split, write the model folder."""
    kit = kit_of(task_name)
    names = class_names(data / "train")
    torch.manual_seed(teacher.train.seed)
    model, network = kit.build_teacher(teacher.model, class_names=names, sizing=sizing)
    task, weights = kit.supervised_task(model)
    sources = [weights_identity(source) for source in kit.weight_sources(teacher.model)]
    result = train_task(
        kit,
        task=task,
        model=model,
        weights=weights,
        settings=teacher.train,
        sizing=sizing,
        data=data,
        label="teacher",
        identity=["teacher", teacher.model_dump(), sizing.model_dump(), *sources],
        device=choose_device(),
        validate=True,
    )
    if not current_ranks().is_main:
        return {}
    model.cpu().load_state_dict(result.best_state)
    spec = ModelSpec(
        task=kit.task,
        network=network,
        class_names=names,
        category_ids=category_ids(data / "train"),
        downsampler={"kind": "identity", "ratio": 1},
        input=sizing.model_dump(),
        provenance={
            "data": data_identity(data),
            "sections": section_hashes({"teacher": teacher}),
            "best_step": result.best_step,
            "val": result.best_metrics,
        },
    )
    metrics = {"val": result.best_metrics, "best_step": result.best_step}
    with whole_folder(out_history) as folder:
        write_history(folder, result, chosen_by=kit.select_by)
    with whole_folder(out_model) as folder:
        save_model(folder, model, spec)
    write_json(out_metrics, metrics)
    return metrics
