"""distill: the student, which sees only thumbnails, under the frozen teacher (stage two of Algorithm 2)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lowres.config.data import Input
from lowres.config.detection import Distill, DistillTerms
from lowres.engine.distributed import current_ranks
from lowres.models.artifact import DetectorSpec, build_from_spec, hf_config, load_detector, save_detector, sha256_of
from lowres.models.build import build_detector
from lowres.models.optimise import fold_batch_norm
from lowres.models.thumbnail import ThumbnailDetector
from lowres.stages.batches import choose_device
from lowres.stages.classes import require_same_classes
from lowres.stages.downsampler import load_downsampler
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.provenance import data_identity
from lowres.stages.training import train_task, weights_identity, write_history
from lowres.tasks.distillation import BoxTerm, DistillationTask, FeatureTerm, LogitTerm, MomentTerm


def run(
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
    """Train down-sampler and detector jointly, keep the weights with the best AP on the val split."""
    teacher_model, teacher_spec = load_detector(teacher)
    require_same_classes(teacher_spec, teacher, data / "train")
    model, spec = build_student(distill, teacher_model, teacher_spec, downsampler)
    fold_batch_norm(teacher_model)  # it only reads now, in less time
    task = build_task(distill.terms, model, teacher_model)
    weights = {name: term.weight for name, term in distill.terms if term is not None}
    inputs: list[Any] = [
        sha256_of(teacher / "model.safetensors"),
        sha256_of(downsampler / "model.safetensors"),
        spec.downsampler,
    ]
    own = distill.model
    start = None if distill.init in ("scratch", "teacher") else distill.init
    inputs += [weights_identity(source) for source in (start, own and own.pretrained, own and own.backbone_weights)]
    result = train_task(
        task=task,
        model=model,
        weights=weights,
        settings=distill.train,
        sizing=sizing,
        data=data,
        label="distill",
        identity=["distill", distill.model_dump(), sizing.model_dump(), inputs],
        device=choose_device(),
        validate=True,
    )
    if not current_ranks().is_main:
        return {}
    model.cpu().load_state_dict(result.best_state)
    provenance = {"data": data_identity(data), "best_step": result.best_step, "val": result.best_metrics}
    metrics = {"val": result.best_metrics, "best_step": result.best_step}
    with whole_folder(out_history) as folder:
        write_history(folder, result)
    with whole_folder(out_model) as folder:
        save_detector(folder, model, replace(spec, provenance=provenance))
    write_json(out_metrics, metrics)
    return metrics


def build_student(
    distill: Distill, teacher_model: ThumbnailDetector, teacher_spec: DetectorSpec, downsampler: Path
) -> tuple[ThumbnailDetector, DetectorSpec]:
    """The student before training: architecture, initial weights, down-sampler."""
    module, downsampler_spec = load_downsampler(downsampler)
    torch.manual_seed(distill.train.seed)
    if distill.model is None:
        spec = replace(teacher_spec, stride_shift=distill.stride_shift, downsampler=downsampler_spec, provenance={})
        model = build_from_spec(spec)
    else:
        values = distill.model
        detector = build_detector(
            **values.model_dump(), class_names=teacher_spec.class_names, stride_shift=distill.stride_shift
        )
        model = ThumbnailDetector(module, detector)
        spec = replace(
            teacher_spec,
            family=detector.family,
            hf_config=hf_config(detector),
            stride_shift=distill.stride_shift,
            train_backbone_norm=values.train_backbone_norm,
            fused_attention=values.fused_attention,
            downsampler=downsampler_spec,
            provenance={},
        )
    model.downsampler = module
    _initialise(model, distill.init, teacher_model)
    module.requires_grad_(distill.train_downsampler)
    return model, spec


def build_task(terms: DistillTerms, model: ThumbnailDetector, teacher_model: ThumbnailDetector) -> DistillationTask:
    """The task with the terms asked for."""
    moment, logit, feature, box = terms.moment, terms.logit, terms.feature, terms.box
    return DistillationTask(
        model,
        teacher_model,
        detection=terms.detection is not None,
        moment=MomentTerm(**moment.model_dump(exclude={"weight"})) if moment else None,
        logit=LogitTerm(**logit.model_dump(exclude={"weight"})) if logit else None,
        feature=FeatureTerm(**feature.model_dump(exclude={"weight"})) if feature else None,
        box=BoxTerm(**box.model_dump(exclude={"weight"})) if box else None,
    )


def _initialise(model: ThumbnailDetector, init: str, teacher_model: ThumbnailDetector) -> None:
    if init == "scratch":
        return
    source = teacher_model if init == "teacher" else load_detector(Path(init))[0]
    try:
        model.detector.load_state_dict(source.detector.state_dict())
    except RuntimeError as error:
        first = " ".join(str(error).split()).split(": ", 1)[-1].split(",")[0]
        raise ValueError(f"distill.init: weights of {init} do not fit the student's model: {first}") from error
