"""What a checkpoint holds of a task, and that finding it out does not grow with the square of the network."""

import torch
from torch import nn

from lowres.engine import state


class Task(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(*(nn.Linear(2, 2) for _ in range(20)))
        self.teacher = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval().requires_grad_(False)
        self.adapter = nn.Linear(2, 2)


def plain_of(task):
    optimiser = torch.optim.SGD(task.student.parameters(), lr=0.1)
    return state.TrainState(task=task, model=task.student, optimiser=optimiser, ema=None, fingerprint="f").to_plain()


def test_a_frozen_teacher_is_left_out_and_all_that_learns_is_kept():
    kept = plain_of(Task())["task"]
    assert not any(key.startswith("teacher.") for key in kept)
    assert {"adapter.weight", "adapter.bias"} < kept.keys()
    assert len(kept) == 2 * 20 + 2


def test_what_never_changes_is_looked_for_once(monkeypatch):
    found, look = [], state._constant_keys
    monkeypatch.setattr(state, "_constant_keys", lambda *given: found.append(1) or look(*given))
    plain_of(Task())
    assert len(found) == 1
