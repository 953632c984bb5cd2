import copy

import pytest
import torch
from tests.models.library_models import (
    CASES,
    CONFIGS,
    assert_gradients_close,
    build,
    exact_numbers,
    parameter_gradients,
    run,
)

from lowres.models.paired_loss import install_paired_loss


@pytest.mark.parametrize(("name", "size"), CASES)
def test_losses_and_gradients_equal_stock(name, size):
    with exact_numbers(name) as tolerance:
        model = build(name).train()
        state = copy.deepcopy(model.state_dict())  # batch norm moves in training
        stock = run(model, size)
        stock_gradients = parameter_gradients(model, size)

        model.load_state_dict(state)
        assert install_paired_loss(model)
        ours = run(model, size)
        gradients = parameter_gradients(model, size)

    assert ours.loss_dict.keys() == stock.loss_dict.keys()
    for key, value in stock.loss_dict.items():
        torch.testing.assert_close(ours.loss_dict[key], value, rtol=tolerance, atol=0.1 * tolerance, msg=key)
    assert_gradients_close(gradients, stock_gradients, tolerance)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_library_itself_stays_as_it_is(name):
    changed, untouched = build(name), build(name)
    stock = untouched.loss_function
    install_paired_loss(changed)
    assert untouched.loss_function is stock
    assert changed.loss_function is not stock
    assert copy.deepcopy(changed).loss_function is changed.loss_function


def test_a_gradient_flows_only_between_the_two_boxes_of_a_pair():
    model = build("rt_detr_v2").train()
    install_paired_loss(model)
    criterion_type = model.loss_function.__globals__["RTDetrLoss"]
    boxes = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]], requires_grad=True)
    criterion = criterion_type(model.config)
    targets = [{"boxes": torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.6, 0.7, 0.2, 0.2]])}]
    indices = [(torch.tensor([0, 1]), torch.tensor([0, 1]))]
    losses = criterion.loss_boxes({"pred_boxes": boxes[None]}, targets, indices, num_boxes=2)
    # By hand: the second pair overlaps in 0.1 x 0.2 of a union of 0.06 and a hull of 0.06.
    torch.testing.assert_close(losses["loss_giou"], torch.tensor((0 + 1 - 0.02 / 0.06) / 2))
    losses["loss_giou"].backward()
    assert boxes.grad[1].abs().sum() > 0
