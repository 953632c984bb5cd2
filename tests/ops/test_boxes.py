import torch
from transformers.loss.loss_for_object_detection import generalized_box_iou

from lowres.ops.boxes import area, cxcywh_to_xyxy, giou, pairwise_giou, pairwise_iou, xyxy_to_cxcywh

A = torch.tensor([[0.0, 0.0, 4.0, 2.0]])


def test_forms_convert_there_and_back():
    assert xyxy_to_cxcywh(A).tolist() == [[2.0, 1.0, 4.0, 2.0]]
    assert torch.equal(cxcywh_to_xyxy(xyxy_to_cxcywh(A)), A)


def test_area_of_a_box_turned_inside_out_is_zero():
    assert area(torch.tensor([[4.0, 0.0, 0.0, 2.0], [0.0, 0.0, 4.0, 2.0]])).tolist() == [0.0, 8.0]


def test_iou_of_half_overlapping_boxes_is_one_third():
    shifted = torch.tensor([[2.0, 0.0, 6.0, 2.0]])  # overlap 4, union 12
    torch.testing.assert_close(pairwise_iou(A, shifted), torch.tensor([[1 / 3]]))


def test_iou_of_empty_boxes_is_zero_and_not_nan():
    empty = torch.zeros(1, 4)
    assert pairwise_iou(empty, empty).item() == 0.0


def test_giou_of_disjoint_boxes_is_negative():
    far = torch.tensor([[6.0, 0.0, 8.0, 2.0]])  # hull 16, union 12, no overlap
    torch.testing.assert_close(giou(A, far), torch.tensor([-0.25]))


def test_pairwise_giou_agrees_with_transformers():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 20, 2, 2, generator=generator, dtype=torch.float64).sort(dim=2).values.flatten(2)
    torch.testing.assert_close(pairwise_giou(*corners), generalized_box_iou(*corners), rtol=1e-12, atol=1e-12)


def test_giou_has_a_finite_gradient_where_boxes_are_points():
    boxes = torch.zeros(3, 4, requires_grad=True)
    giou(boxes, torch.ones(3, 4)).sum().backward()
    assert boxes.grad is not None
    assert torch.isfinite(boxes.grad).all()


def test_no_boxes_give_empty_results():
    assert pairwise_iou(torch.zeros(0, 4), A).shape == (0, 1)
    assert giou(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)
