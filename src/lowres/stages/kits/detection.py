"""Detection: a detector of transformers on thumbnails, its terms, its batches, AP."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lowres.config.data import Input
from lowres.config.detection import Distill, DistillTerms, Model, Train
from lowres.data.dataset import DetectionDataset
from lowres.data.loader import TrainBatches
from lowres.data.transforms import Transform, build_transforms
from lowres.data.truth import load_truth
from lowres.engine.distributed import current_ranks
from lowres.engine.signals import stop_requested
from lowres.evaluation.coco import evaluate_detections
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel, assemble, describe_detector
from lowres.models.downsamplers import IdentityDownsampler
from lowres.models.input_channels import channels_of
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch
from lowres.stages.batches import eval_batches
from lowres.stages.kits.kit import Metrics, TrainingData
from lowres.tasks.detect import detect_batches
from lowres.tasks.detection import DetectionTask
from lowres.tasks.distillation import BoxTerm, DistillationTask, FeatureTerm, LogitTerm, MomentTerm

log = logging.getLogger(__name__)


class DetectionKit:
    """See `lowres.stages.kits.kit.Kit`."""

    task = "detection"
    select_by = "ap"

    def build_teacher(
        self, model: Model, *, class_names: list[str], sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """The detector on whole images."""
        return _build(model, IdentityDownsampler(), class_names, stride_shift=0)

    def build_student(
        self, distill: Distill, *, teacher: ModelSpec, downsampler: nn.Module, sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """The teacher's architecture where the section names no model; either may drop early strides.

        From random weights its norms are live and all of its backbone learns, whatever the teacher freezes: norms that
        are frozen at random values teach nothing.
        """
        if distill.model is not None:
            return _build(distill.model, downsampler, teacher.class_names, stride_shift=distill.stride_shift)
        network = {**teacher.network, "stride_shift": distill.stride_shift, "input_channels": channels_of(downsampler)}
        if distill.init == "scratch":
            network["train_backbone_norm"] = True
        return (
            assemble(task=self.task, downsampler=downsampler, network=network, class_names=teacher.class_names),
            network,
        )

    def weight_sources(self, model: Model) -> list[str | None]:
        """Of the whole detector, and of its backbone."""
        return [model.pretrained, model.backbone_weights]

    def supervised_task(self, model: ThumbnailModel) -> tuple[nn.Module, dict[str, float]]:
        """The family's own loss."""
        assert isinstance(model, ThumbnailDetector)
        return DetectionTask(model), {"detection": 1.0}

    def distillation_task(
        self, terms: DistillTerms, *, student: ThumbnailModel, teacher: ThumbnailModel
    ) -> tuple[nn.Module, dict[str, float]]:
        """The terms of ThumbDet's eq. 10 that are asked for."""
        assert isinstance(student, ThumbnailDetector)
        assert isinstance(teacher, ThumbnailDetector)
        moment, logit, feature, box = terms.moment, terms.logit, terms.feature, terms.box
        task = DistillationTask(
            student,
            teacher,
            detection=terms.detection is not None,
            moment=MomentTerm(**moment.model_dump(exclude={"weight"})) if moment else None,
            logit=LogitTerm(**logit.model_dump(exclude={"weight"})) if logit else None,
            feature=FeatureTerm(**feature.model_dump(exclude={"weight"})) if feature else None,
            box=BoxTerm(**box.model_dump(exclude={"weight"})) if box else None,
        )
        return task, {name: term.weight for name, term in terms if term is not None}

    def training_data(self, split: Path, settings: Train, sizing: Input, *, device: torch.device) -> TrainingData:
        """Padded images with boxes, from loader workers."""
        ranks = current_ranks()
        dataset = DetectionDataset(split, training_transforms(settings, sizing), seed=settings.seed)

        def batches(start: int) -> Iterator[Batch]:
            source = TrainBatches(
                dataset,
                batch_size=settings.batch_size // settings.accumulate,
                seed=settings.seed,
                size_divisor=sizing.canvas_multiple_px,
                short_sides_px=settings.augment.short_sides_px,
                num_workers=settings.num_workers,
                pin_memory=device.type == "cuda",
                rank=ranks.rank,
                world_size=ranks.world,
                start_step=start,
            )
            for _, batch in source:
                yield batch

        return TrainingData(len(dataset), batches)

    def validator(self, split: Path, sizing: Input, *, device: torch.device) -> Callable[[nn.Module], Metrics]:
        """COCO's AP, and AP by size; ValueError where the split has no object."""
        truth = load_truth(split)
        if not any((~image.iscrowd).any() for image in truth):
            raise ValueError(
                f"{split}: no image has an object, so no AP can choose the weights; give it a labelled split"
            )
        names = DetectionDataset(split, build_transforms(short_side_px=1), seed=0, verify=False).class_names

        def evaluate(model: nn.Module) -> Metrics:
            assert isinstance(model, ThumbnailDetector)
            batches = eval_batches(split, sizing, batch_size=16)
            found = detect_batches(model, batches, max_detections=100, device=device, stop=stop_requested)
            if stop_requested():
                return {"ap": None}
            metrics = evaluate_detections(truth, found, class_names=names)
            return {name: getattr(metrics, name) for name in ("ap", "ap50", "ap_small", "ap_medium", "ap_large")}

        return evaluate

    def offline(self, model: Model) -> Model:
        """Local folders of weights stay; a backbone's weights from the Hub are left out, a whole model's are needed.

        ValueError for what is no folder here and cannot be a Hub id.
        """
        if model.pretrained is not None and not Path(model.pretrained).is_dir():
            raise ValueError(
                f"model.pretrained: {model.pretrained!r} is no local folder; a dry run downloads nothing. Download it "
                "first, or give family and config"
            )
        if model.backbone_weights is None or Path(model.backbone_weights).is_dir():
            return model
        _require_hub_id(model.backbone_weights)
        log.info("backbone_weights %s is not read in a dry run", model.backbone_weights)
        return model.model_copy(update={"backbone_weights": None})

    def random_batch(self, sizing: Input, *, num_classes: int) -> Batch:
        """Two images that are not square, with two boxes each."""
        multiple = sizing.canvas_multiple_px
        side = multiple * max(1, -(-256 // multiple))
        width = side + multiple
        boxes = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.5, 0.3, 0.9, 0.9]]) * side
        return Batch(
            pixels=torch.rand(2, 3, side, width),
            mask=torch.ones(2, side, width, dtype=torch.bool),
            boxes_xyxy_px=[boxes.clone() for _ in range(2)],
            labels=[torch.arange(len(boxes)) % num_classes for _ in range(2)],
            image_ids=torch.arange(2),
            sizes_wh_px=torch.tensor([[width, side]] * 2),
            original_wh_px=torch.tensor([[width, side]] * 2),
        )

    def check_training(self, settings: Train, sizing: Input) -> None:
        """Resizing and augmentation build."""
        training_transforms(settings, sizing)


def training_transforms(settings: Train, sizing: Input) -> Transform:
    """Resizing and augmentation."""
    return build_transforms(
        short_side_px=sizing.short_side_px,
        long_side_px=sizing.long_side_px,
        stretch=sizing.stretch,
        **settings.augment.model_dump(exclude={"short_sides_px"}),
    )


def _require_hub_id(source: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(source)
    except HFValidationError as error:
        raise ValueError(
            f"model.backbone_weights: {source!r} is no local folder, and cannot be an id on the Hub; name either"
        ) from error


def _build(
    model: Model, downsampler: nn.Module, class_names: list[str], *, stride_shift: int
) -> tuple[ThumbnailDetector, dict[str, Any]]:
    from lowres.models.build import build_detector

    channels = channels_of(downsampler)
    detector = build_detector(
        **model.model_dump(), class_names=class_names, stride_shift=stride_shift, input_channels=channels
    )
    network = describe_detector(
        detector,
        stride_shift=stride_shift,
        input_channels=channels,
        train_backbone_norm=model.train_backbone_norm,
        fused_attention=model.fused_attention,
    )
    return ThumbnailDetector(downsampler, detector), network
