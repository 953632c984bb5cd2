"""teacher: the full-resolution detector."""

from pathlib import Path
from typing import Any

import torch

from lowres.config.data import Input
from lowres.config.detection import Teacher
from lowres.data.truth import category_ids, class_names
from lowres.engine.distributed import current_ranks
from lowres.models.artifact import DetectorSpec, hf_config, save_detector
from lowres.models.build import build_detector
from lowres.models.downsamplers import IdentityDownsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.stages.batches import choose_device
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.provenance import data_identity
from lowres.stages.training import train_task, weights_identity, write_history
from lowres.tasks.detection import DetectionTask


def run(
    teacher: Teacher, sizing: Input, *, data: Path, out_model: Path, out_metrics: Path, out_history: Path
) -> dict[str, Any]:
    """Train on the train split, keep the weights with the best AP on the val split, write the model folder."""
    names = class_names(data / "train")
    torch.manual_seed(teacher.train.seed)
    values = teacher.model
    detector = build_detector(**values.model_dump(), class_names=names)
    model = ThumbnailDetector(IdentityDownsampler(), detector)
    result = train_task(
        task=DetectionTask(model),
        model=model,
        weights={"detection": 1.0},
        settings=teacher.train,
        sizing=sizing,
        data=data,
        label="teacher",
        identity=[
            "teacher",
            teacher.model_dump(),
            sizing.model_dump(),
            weights_identity(values.pretrained),
            weights_identity(values.backbone_weights),
        ],
        device=choose_device(),
        validate=True,
    )
    if not current_ranks().is_main:
        return {}
    model.cpu().load_state_dict(result.best_state)
    spec = DetectorSpec(
        class_names=names,
        category_ids=category_ids(data / "train"),
        family=detector.family,
        hf_config=hf_config(detector),
        stride_shift=0,
        train_backbone_norm=values.train_backbone_norm,
        downsampler={"kind": "identity", "ratio": 1},
        input=sizing.model_dump(),
        fused_attention=values.fused_attention,
        provenance={"data": data_identity(data), "best_step": result.best_step, "val": result.best_metrics},
    )
    metrics = {"val": result.best_metrics, "best_step": result.best_step}
    with whole_folder(out_history) as folder:
        write_history(folder, result)
    with whole_folder(out_model) as folder:
        save_detector(folder, model, spec)
    write_json(out_metrics, metrics)
    return metrics
