"""Training a thumbnail detector under a frozen full-resolution teacher (ThumbDet, section 3.4, eq. 10).

Terms are optional and named: `detection`, `moment`, `logit`, `feature`, `box`. What a term needs is computed only if
the term is asked for: a teacher that serves `feature` alone runs its backbone alone.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lowres.models.detr import DetectorOutput
from lowres.models.frozen import Frozen
from lowres.models.thumbnail import ThumbnailDetector
from lowres.ops.distill_boxes import box_distance
from lowres.ops.distill_features import Distance, Resize, feature_distance
from lowres.ops.distill_logits import sigmoid_kl, softmax_kl
from lowres.ops.distributed_count import global_count_factor
from lowres.ops.moments import moment_matching_loss
from lowres.ops.query_alignment import Pairs, pair_by_assignment, pair_by_index
from lowres.ops.query_filter import query_filter
from lowres.records import Batch

Alignment = Literal["index", "matched"]


@dataclass(frozen=True)
class MomentTerm:
    """Eq. 5 on the thumbnail; `deviation_weight` is lambda."""

    deviation_weight: float


@dataclass(frozen=True)
class LogitTerm:
    """Eq. 6-7 on the queries kept by Algorithm 1."""

    alignment: Alignment
    form: Literal["softmax_kl", "sigmoid_kl"]
    temperature: float
    threshold: float


@dataclass(frozen=True)
class FeatureTerm:
    """Eq. 8 on the backbone's maps."""

    distance: Distance
    resize: Resize


@dataclass(frozen=True)
class BoxTerm:
    """The detector's box loss against the teacher's boxes, on the queries kept by Algorithm 1."""

    alignment: Alignment
    threshold: float


class DistillationTask(nn.Module):
    """Student and frozen teacher on the same batch; the terms given are the terms returned, raw.

    `model` is the student: down-sampler and detector, both trained. Raises ValueError where terms cannot work
    with these models.
    """

    def __init__(
        self,
        model: ThumbnailDetector,
        teacher: ThumbnailDetector,
        *,
        detection: bool = True,
        moment: MomentTerm | None = None,
        logit: LogitTerm | None = None,
        feature: FeatureTerm | None = None,
        box: BoxTerm | None = None,
    ) -> None:
        super().__init__()
        if (logit or box) and model.num_classes != teacher.num_classes:
            raise ValueError(
                f"distill.terms: logit and box need the same classes; the student has {model.num_classes}, "
                f"the teacher {teacher.num_classes}"
            )
        self.model = model
        self.teacher = Frozen(teacher)
        self.detection, self.moment, self.logit, self.feature, self.box = detection, moment, logit, feature, box

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw terms of one batch."""
        thumbnail, thumbnail_mask = self.model.shrink(batch.pixels, batch.mask)
        losses: dict[str, Tensor] = {}
        if self.moment:
            losses["moment"] = moment_matching_loss(
                batch.pixels,
                batch.mask,
                thumbnail[:, :3],
                thumbnail_mask,
                deviation_weight=self.moment.deviation_weight,
            )
        if not (self.detection or self.logit or self.feature or self.box):
            return losses
        student = self.model.detect_thumbnail(
            thumbnail,
            thumbnail_mask,
            boxes_xyxy_px=batch.boxes_xyxy_px if self.detection else None,
            labels=batch.labels if self.detection else None,
            with_features=self.feature is not None,
        )
        if self.detection:
            assert student.loss is not None
            losses["detection"] = student.loss
        if self.feature or self.logit or self.box:
            losses |= self._distilled(student, self._teach(batch), batch)
        return losses

    @torch.no_grad()
    def _teach(self, batch: Batch) -> DetectorOutput:
        teacher = self.teacher.module
        assert isinstance(teacher, ThumbnailDetector)
        if self.logit or self.box:
            return teacher(batch.pixels, batch.mask, with_features=self.feature is not None)
        maps = teacher.detector.features(*teacher.shrink(batch.pixels, batch.mask))
        return DetectorOutput(logits=torch.empty(0), boxes_xyxy_px=torch.empty(0), features=maps)

    def _distilled(self, student: DetectorOutput, teacher: DetectorOutput, batch: Batch) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if self.feature:
            distance, resize = self.feature.distance, self.feature.resize
            losses["feature"] = feature_distance(
                student.features, teacher.features, batch.mask, distance=distance, resize=resize
            )
        height, width = batch.pixels.shape[2:]
        canvas = batch.pixels.new_tensor([width, height, width, height])
        paired: dict[tuple[Alignment, float], Pairs] = {}
        for term in (self.logit, self.box):
            if term and (term.alignment, term.threshold) not in paired:
                paired[term.alignment, term.threshold] = self._pairs(student, teacher, term, canvas)
        if self.logit:
            image, ours, theirs = paired[self.logit.alignment, self.logit.threshold]
            distance = softmax_kl if self.logit.form == "softmax_kl" else sigmoid_kl
            losses["logit"] = global_count_factor(len(image)) * distance(
                student.logits[image, ours], teacher.logits[image, theirs], temperature=self.logit.temperature
            )
        if self.box:
            image, ours, theirs = paired[self.box.alignment, self.box.threshold]
            losses["box"] = global_count_factor(len(image)) * box_distance(
                student.boxes_xyxy_px[image, ours] / canvas, teacher.boxes_xyxy_px[image, theirs] / canvas
            )
        return losses

    def _pairs(
        self, student: DetectorOutput, teacher: DetectorOutput, term: LogitTerm | BoxTerm, canvas: Float[Tensor, "4"]
    ) -> Pairs:
        teacher_scores = self.model.scores(teacher.logits)
        keep: Bool[Tensor, "b q"] = query_filter(teacher_scores, threshold=term.threshold)
        if term.alignment == "index":
            if student.logits.shape[1] != teacher.logits.shape[1]:
                raise ValueError(
                    f"distill.terms: alignment index needs equal numbers of queries; the student has "
                    f"{student.logits.shape[1]}, the teacher {teacher.logits.shape[1]}; use alignment matched"
                )
            return pair_by_index(keep)
        return pair_by_assignment(
            keep,
            student_scores=self.model.scores(student.logits),
            teacher_scores=teacher_scores,
            student_xyxy_frac=student.boxes_xyxy_px / canvas,
            teacher_xyxy_frac=teacher.boxes_xyxy_px / canvas,
        )
