"""Training a student, with or without its teacher: what the stages distill and baseline share."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lowres.config.data import Input
from lowres.config.params import Distill
from lowres.engine.distributed import current_ranks
from lowres.engine.train import TrainResult
from lowres.models.artifact import load_model, save_model
from lowres.models.assemble import ThumbnailModel
from lowres.models.checksum import sha256_of
from lowres.models.fold_batch_norm import fold_batch_norm
from lowres.models.input_channels import fitted_state
from lowres.stages.batches import choose_device
from lowres.stages.classes import require_fit
from lowres.stages.downsampler import load_downsampler
from lowres.stages.kits.choose import kit_of
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.provenance import data_identity, section_hashes
from lowres.stages.training import continued, train_task, weights_identity, write_history


def train_student(
    task_name: str,
    distill: Distill,
    sizing: Input,
    *,
    label: str,
    under_teacher: bool,
    data: Path,
    teacher: Path,
    downsampler: Path,
    out_model: Path,
    out_metrics: Path,
    out_history: Path,
) -> dict[str, Any]:
    """Train down-sampler and network jointly, keep the weights that are best on the val split, write the model folder.

    Without the teacher the labels alone teach; initial weights, steps and data are the same. Under it they do so for
    the first `distill.pretrain_fraction` of the steps.
    """
    kit = kit_of(task_name)
    teacher_model, teacher_spec = load_model(teacher)
    require_fit(teacher_spec, teacher, task=task_name, sizing=sizing, split=data / "train")
    module, downsampler_spec, downsampler_sections = load_downsampler(downsampler)
    torch.manual_seed(distill.train.seed)
    model, network = kit.build_student(distill, teacher=teacher_spec, downsampler=module, sizing=sizing)
    _initialise(model, distill.init, teacher_model)
    module.requires_grad_(distill.train_downsampler)
    inputs: list[Any] = [
        sha256_of(teacher / "model.safetensors"),
        sha256_of(downsampler / "model.safetensors"),
        downsampler_spec,
    ]
    start = None if distill.init in ("scratch", "teacher") else distill.init
    sources = [start, *(kit.weight_sources(distill.model) if distill.model else ())]
    inputs += [weights_identity(source) for source in sources]
    train_part = partial(
        train_task,
        kit,
        model=model,
        settings=distill.train,
        sizing=sizing,
        data=data,
        identity=[label, distill.model_dump(), sizing.model_dump(), inputs],
        device=choose_device(),
        validate=True,
    )
    alone = distill.pretrain_fraction if under_teacher else 1.0
    result: TrainResult | None = None
    if alone > 0:
        task, weights = kit.supervised_task(model)
        name = label if alone == 1 else f"{label}-pretrain"
        result = train_part(task=task, weights=weights, label=name, part=(0.0, alone))
    if alone < 1:
        if result is not None:
            model.load_state_dict(result.best_state)
        fold_batch_norm(teacher_model)  # it only reads now, in less time
        task, weights = kit.distillation_task(distill.terms, student=model, teacher=teacher_model)
        joint = train_part(task=task, weights=weights, label=label, part=(alone, 1.0))
        result = joint if result is None else continued(result, joint)
    assert result is not None
    if not current_ranks().is_main:
        return {}
    model.cpu().load_state_dict(result.best_state)
    own = section_hashes({"distill": distill})
    provenance = {
        "data": data_identity(data),
        "sections": {**teacher_spec.provenance.get("sections", {}), **downsampler_sections, **own},
        "best_step": result.best_step,
        "val": result.best_metrics,
    }
    spec = replace(teacher_spec, network=network, downsampler=downsampler_spec, provenance=provenance)
    metrics = {"val": result.best_metrics, "best_step": result.best_step}
    with whole_folder(out_history) as folder:
        write_history(folder, result, chosen_by=kit.select_by)
    with whole_folder(out_model) as folder:
        save_model(folder, model, spec)
    write_json(out_metrics, metrics)
    return metrics


def _initialise(model: ThumbnailModel, init: str, teacher_model: ThumbnailModel) -> None:
    if init == "scratch":
        return
    source = teacher_model if init == "teacher" else load_model(Path(init))[0]
    try:
        model.network.load_state_dict(fitted_state(source.network.state_dict(), model.network))
    except RuntimeError as error:
        first = " ".join(str(error).split()).split(": ", 1)[-1].split(",")[0]
        raise ValueError(f"distill.init: weights of {init} do not fit the student's model: {first}") from error
