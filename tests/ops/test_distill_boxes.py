import pytest
import torch

from lowres.ops.distill_boxes import box_distance


def test_worked_by_hand():
    # Shifted by half a width: L1 0.2 + 0.2, IoU 1/3, hull equals union.
    teacher = torch.tensor([[0.0, 0.0, 0.4, 0.2]])
    student = torch.tensor([[0.2, 0.0, 0.6, 0.2]])
    assert box_distance(student, teacher).item() == pytest.approx(5 * 0.4 + 2 * (1 - 1 / 3), abs=1e-5)


def test_zero_for_equal_boxes_and_for_none():
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.2]])
    assert box_distance(boxes, boxes).item() == pytest.approx(0.0, abs=1e-6)
    assert box_distance(torch.zeros(0, 4), torch.zeros(0, 4)).item() == 0.0
