import torch
from torch import nn

from lowres.models.frozen import Frozen


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.teacher = Frozen(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)))
        self.student = nn.Linear(3, 3)


def test_stays_in_eval_mode_whatever_the_outer_module_does():
    outer = Outer()
    outer.train()
    outer.teacher.train()
    outer.requires_grad_(requires_grad=True)
    assert not any(module.training for module in outer.teacher.module.modules())
    assert not any(p.requires_grad for p in outer.teacher.held_parameters())


def test_weights_and_statistics_do_not_move_in_training():
    outer = Outer()
    before = {name: value.clone() for name, value in outer.teacher.module.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in outer.parameters() if p.requires_grad], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        outer.train()
        images = torch.rand(4, 3)
        (outer.student(images) - outer.teacher(images)).square().sum().backward()
        optimiser.step()
    after = outer.teacher.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_is_outside_parameters_and_state_of_the_outer_module():
    outer = Outer()
    assert {name for name, _ in outer.named_parameters()} == {"student.weight", "student.bias"}
    assert set(outer.state_dict()) == {"student.weight", "student.bias"}


def test_moves_with_the_outer_module():
    outer = Outer().to(torch.float64)
    assert all(p.dtype == torch.float64 for p in outer.teacher.held_parameters())
