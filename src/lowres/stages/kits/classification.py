"""Classification: a small network on thumbnails, DFD's terms, batches cut from memory, top-1 accuracy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lowres.config.classification import Augment, Distill, DistillTerms, Model, RelationalWeight, Train
from lowres.config.data import Input
from lowres.data.resident import ResidentBatches, evaluation_batches, load_resident
from lowres.engine.distributed import current_ranks
from lowres.engine.signals import stop_requested
from lowres.evaluation.classification import evaluate_classes
from lowres.models.artifact import ModelSpec
from lowres.models.assemble import ThumbnailModel, assemble
from lowres.models.classifiers import SMALLEST_SIDE_PX
from lowres.models.downsamplers import IdentityDownsampler
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.records import LabelledImages
from lowres.stages.kits.kit import Metrics, TrainingData
from lowres.tasks.classification import (
    ClassDistillationTask,
    ClassificationTask,
    ClassLogitTerm,
    FeatureTerm,
    classify_batches,
)


class ClassificationKit:
    """See `lowres.stages.kits.kit.Kit`."""

    task = "classification"
    select_by = "top1"

    def build_teacher(
        self, model: Model, *, class_names: list[str], sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """The classifier on whole images."""
        return self._build({**model.model_dump(), "restore": "none"}, IdentityDownsampler(), class_names, sizing)

    def build_student(
        self, distill: Distill, *, teacher: ModelSpec, downsampler: nn.Module, sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        """The teacher's network where the section names no model."""
        own = teacher.network if distill.model is None else distill.model.model_dump()
        return self._build({**own, "restore": distill.restore}, downsampler, teacher.class_names, sizing)

    def weight_sources(self, model: Model) -> list[str | None]:
        """None: these networks begin with random weights."""
        return []

    def supervised_task(self, model: ThumbnailModel) -> tuple[nn.Module, dict[str, float]]:
        """Cross-entropy."""
        assert isinstance(model, ThumbnailClassifier)
        return ClassificationTask(model), {"recognition": 1.0}

    def distillation_task(
        self, terms: DistillTerms, *, student: ThumbnailModel, teacher: ThumbnailModel
    ) -> tuple[nn.Module, dict[str, float]]:
        """The terms of DFD's eq. 4 that are asked for, and what came after it."""
        assert isinstance(student, ThumbnailClassifier)
        assert isinstance(teacher, ThumbnailClassifier)
        feature = terms.feature
        angles = {"angle_weight": feature.angle_weight} if isinstance(feature, RelationalWeight) else {}
        task = ClassDistillationTask(
            student,
            teacher,
            recognition=terms.recognition is not None,
            feature=FeatureTerm(feature.distance, **angles) if feature else None,
            logit=ClassLogitTerm(terms.logit.temperature) if terms.logit else None,
        )
        return task, {name: term.weight for name, term in terms if term is not None}

    def training_data(self, split: Path, settings: Train, sizing: Input, *, device: torch.device) -> TrainingData:
        """The split in the device's memory; a batch is an index into it."""
        ranks = current_ranks()
        resident = load_resident(split, side_px=sizing.short_side_px).to(device)
        source = ResidentBatches(
            split=resident,
            batch_size=settings.batch_size // settings.accumulate,
            seed=settings.seed,
            **settings.augment.model_dump(),
            rank=ranks.rank,
            world_size=ranks.world,
        )
        return TrainingData(len(resident), source.start)

    def validator(self, split: Path, sizing: Input, *, device: torch.device) -> Callable[[nn.Module], Metrics]:
        """Top-1, top-5 and the calibration error."""
        resident = load_resident(split, side_px=sizing.short_side_px).to(device)

        def evaluate(model: nn.Module) -> Metrics:
            assert isinstance(model, ThumbnailClassifier)
            batches = evaluation_batches(resident, batch_size=512)
            found = classify_batches(model, batches, device=device, stop=stop_requested)
            if stop_requested():
                return {"top1": None}
            metrics = evaluate_classes(found, resident.labels.cpu().numpy(), class_names=resident.class_names)
            return {name: getattr(metrics, name) for name in ("top1", "top5", "expected_calibration_error")}

        return evaluate

    def offline(self, model: Model) -> Model:
        """All of it: nothing is ever downloaded."""
        return model

    def random_batch(self, sizing: Input, *, num_classes: int) -> LabelledImages:
        """Eight images."""
        pixels = torch.rand(8, 3, sizing.short_side_px, sizing.short_side_px)
        return LabelledImages(pixels=pixels, labels=torch.arange(8) % num_classes, image_ids=torch.arange(8))

    def check_training(self, settings: Train, sizing: Input) -> None:
        """Any crop and flip can be."""
        assert isinstance(settings.augment, Augment)

    def _build(
        self, network: dict[str, Any], downsampler: nn.Module, class_names: list[str], sizing: Input
    ) -> tuple[ThumbnailModel, dict[str, Any]]:
        model = assemble(task=self.task, downsampler=downsampler, network=network, class_names=class_names)
        _require_side(network["family"], network["restore"], side_px=sizing.short_side_px, ratio=model.ratio)
        return model, network


def _require_side(family: str, restore: str, *, side_px: int, ratio: int) -> None:
    """ValueError where the network would be given less than it can read."""
    smallest, read = SMALLEST_SIDE_PX[family], side_px // ratio if restore == "none" else side_px
    if read >= smallest:
        return
    if side_px >= smallest:
        raise ValueError(
            f"distill.restore: none gives {family} thumbnails of {read} px, and it reads {smallest} px and more; use "
            "bicubic or bilinear, or resnet18"
        )
    raise ValueError(
        f"data.input.short_side_px: {side_px}, but {family} reads {smallest} px and more; use larger images or resnet18"
    )
