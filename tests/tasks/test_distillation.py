import pytest
import torch
from tests.models.tiny import FAMILIES

from lowres.models.build import build_detector
from lowres.models.downsamplers import IdentityDownsampler, build_downsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch
from lowres.tasks.distillation import BoxTerm, DistillationTask, FeatureTerm, LogitTerm, MomentTerm

ALL = {
    "moment": MomentTerm(deviation_weight=0.1),
    "logit": LogitTerm(alignment="matched", form="sigmoid_kl", temperature=1.0, threshold=0.01),
    "feature": FeatureTerm(distance="mse", resize="student"),
    "box": BoxTerm(alignment="matched", threshold=0.01),
}


def detector(family="rt_detr_v2", seed=0, classes=3, **changes):
    torch.manual_seed(seed)
    names = [str(number) for number in range(classes)]
    return build_detector(**{**FAMILIES[family], **changes}, class_names=names)


def models(family="rt_detr_v2", **changes):
    teacher = ThumbnailDetector(IdentityDownsampler(), detector(family, seed=1))
    student = ThumbnailDetector(
        build_downsampler(kind="learned", ratio=4, final_relu=False), detector(family, **changes)
    )
    return student, teacher


def batch(count=2, height=128, width=256, objects=2):
    boxes = torch.tensor([[10.0, 20.0, 60.0, 90.0], [40.0, 10.0, 120.0, 100.0]])[:objects]
    return Batch(
        pixels=torch.rand(count, 3, height, width),
        mask=torch.ones(count, height, width, dtype=torch.bool),
        boxes_xyxy_px=[boxes.clone() for _ in range(count)],
        labels=[torch.tensor([0, 2])[:objects] for _ in range(count)],
        image_ids=torch.arange(count),
        sizes_wh_px=torch.tensor([[width, height]] * count),
        original_wh_px=torch.tensor([[width, height]] * count),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_gives_the_terms_asked_for_and_reaches_every_weight_of_the_student(family):
    student, teacher = models(family)
    task = DistillationTask(student, teacher, **ALL).train()
    terms = task(batch())
    assert set(terms) == {"detection", "moment", "logit", "feature", "box"}
    assert all(torch.isfinite(value) for value in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None for p in student.parameters() if p.requires_grad)


def test_the_teacher_learns_nothing_and_stays_in_eval_mode():
    student, teacher = models()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    task = DistillationTask(student, teacher, **ALL).train()
    torch.stack(list(task(batch()).values())).sum().backward()
    assert not any(module.training for module in teacher.modules())
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_a_student_equal_to_its_teacher_has_nothing_left_to_distil():
    twin = ThumbnailDetector(IdentityDownsampler(), detector(seed=1))
    teacher = ThumbnailDetector(IdentityDownsampler(), detector(seed=1))
    terms = DistillationTask(twin, teacher, detection=False, **ALL).eval()(batch())
    assert all(value.item() == pytest.approx(0.0, abs=1e-4) for value in terms.values())


def test_stage_one_of_algorithm_2_needs_no_detector():
    student, teacher = models()
    terms = DistillationTask(student, teacher, detection=False, moment=MomentTerm(deviation_weight=0.1))(batch())
    assert set(terms) == {"moment"}


def test_a_batch_without_objects_gives_finite_terms():
    student, teacher = models()
    terms = DistillationTask(student, teacher, **ALL).train()(batch(objects=0))
    assert all(torch.isfinite(value) for value in terms.values())


def test_a_filter_that_keeps_nothing_gives_zero():
    student, teacher = models()
    strict = LogitTerm(alignment="index", form="softmax_kl", temperature=1.0, threshold=1.0)
    assert DistillationTask(student, teacher, detection=False, logit=strict)(batch())["logit"].item() == 0.0


def test_index_alignment_needs_equal_numbers_of_queries():
    fewer = {"config": {**FAMILIES["rt_detr_v2"]["config"], "num_queries": 10}}
    student, teacher = models(**fewer)
    index = LogitTerm(alignment="index", form="softmax_kl", temperature=1.0, threshold=0.0)
    with pytest.raises(ValueError, match="the student has 10, the teacher 20; use alignment matched"):
        DistillationTask(student, teacher, detection=False, logit=index)(batch())


def test_other_classes_are_refused_by_name():
    student, _ = models()
    other = ThumbnailDetector(IdentityDownsampler(), detector(classes=5))
    with pytest.raises(ValueError, match="the student has 3, the teacher 5"):
        DistillationTask(student, other, logit=ALL["logit"])


def test_a_feature_only_teacher_runs_its_backbone_alone(monkeypatch):
    student, teacher = models()
    task = DistillationTask(student, teacher, detection=False, feature=ALL["feature"])
    monkeypatch.setattr(teacher.detector.hf, "forward", None)
    assert task(batch())["feature"] > 0
