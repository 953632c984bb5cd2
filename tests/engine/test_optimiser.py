import pytest
import torch
from tiny_task import TinyTask

from lowres.engine.optimiser import ParameterGroup, build_optimiser


def by_name(task, optimiser):
    groups = {parameter: group for group in optimiser.param_groups for parameter in group["params"]}
    return {name: groups.get(parameter) for name, parameter in task.named_parameters()}


def test_groups_get_their_rate_and_norms_and_biases_no_decay():
    task = TinyTask()
    groups = [ParameterGroup(match="backbone", lr_factor=0.1), ParameterGroup(match="^model.head", weight_decay=0.5)]
    found = by_name(task, build_optimiser(task, name="adamw", lr=2e-4, weight_decay=1e-4, groups=groups))
    assert found["model.backbone.0.weight"]["initial_lr"] == pytest.approx(2e-5)
    assert found["model.backbone.0.weight"]["weight_decay"] == 1e-4
    assert found["model.backbone.1.weight"]["weight_decay"] == 0.0  # batch norm
    assert found["model.backbone.0.bias"]["initial_lr"] == pytest.approx(2e-5)
    assert found["model.head.weight"]["weight_decay"] == 0.5
    assert found["model.head.bias"]["weight_decay"] == 0.5
    assert found["adapter.weight"]["initial_lr"] == 2e-4


def test_what_needs_no_gradient_is_left_out():
    task = TinyTask()
    found = by_name(task, build_optimiser(task, name="sgd", lr=0.1, weight_decay=0.0))
    assert {name for name, group in found.items() if group is None} == {
        name for name in found if name.startswith("teacher")
    }


def test_the_first_matching_group_wins():
    task = TinyTask()
    groups = [ParameterGroup(match="backbone.0", lr_factor=0.5), ParameterGroup(match="backbone", lr_factor=0.1)]
    found = by_name(task, build_optimiser(task, name="sgd", lr=1.0, weight_decay=0.0, groups=groups))
    assert found["model.backbone.0.weight"]["initial_lr"] == 0.5
    assert found["model.backbone.1.weight"]["initial_lr"] == 0.1


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("bakbone", "; nearest module names: .*"),
        ("^teacher", r": what it names \(teacher.*\) is frozen; leave the group out"),
    ],
)
def test_a_pattern_that_matches_nothing_trainable_is_refused(pattern, why):
    with pytest.raises(ValueError, match="matches no trainable parameter" + why):
        build_optimiser(TinyTask(), name="sgd", lr=1.0, weight_decay=0.0, groups=[ParameterGroup(match=pattern)])


def test_a_pattern_behind_a_wider_one_is_refused():
    groups = [ParameterGroup(match="backbone"), ParameterGroup(match="backbone.0")]
    with pytest.raises(ValueError, match=r"'backbone.0' is taken whole by the groups before it"):
        build_optimiser(TinyTask(), name="sgd", lr=1.0, weight_decay=0.0, groups=groups)


def test_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="nothing to train"):
        build_optimiser(torch.nn.ReLU(), name="adamw", lr=1.0, weight_decay=0.0)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'lion'; it must be adamw or sgd"):
        build_optimiser(TinyTask(), name="lion", lr=1.0, weight_decay=0.0)
