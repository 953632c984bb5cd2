"""Merged batch norms against the model as it was."""

import copy

import pytest
import torch
from tests.models.exact_rewriting import FAMILIES, assert_same, build, inputs
from torch import nn

from lowres.models.fold_batch_norm import fold_batch_norm


@pytest.mark.parametrize("name", FAMILIES)
def test_every_batch_norm_after_a_convolution_is_folded(name):
    model = build(name)
    stock = copy.deepcopy(model)
    norms = sum("BatchNorm2d" in type(module).__name__ for module in model.modules())
    assert norms > 5
    assert fold_batch_norm(model) == norms
    assert fold_batch_norm(model) == 0
    with torch.no_grad():
        assert_same(model(**inputs()), stock(**inputs()))


def test_folding_a_model_in_training_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        fold_batch_norm(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
