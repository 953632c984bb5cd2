"""Each rewriting of a model against the model as it was."""

import copy

import pytest
import torch
from tests.models.exact_rewriting import FAMILIES, assert_same, build, inputs

from lowres.models import optimise
from lowres.models.optimise import (
    chunk_feed_forward,
    optimised_for_inference,
    rewrite_sampling_locations,
)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_optimised_copy_gives_the_outputs_of_the_original(name, padded):
    model = build(name)
    keys = list(model.state_dict())
    optimised = optimised_for_inference(model)
    with torch.no_grad():
        assert_same(optimised(**inputs(padded)), model(**inputs(padded)))
    assert list(model.state_dict()) == keys, "the original is as it was"
    assert not any(parameter.requires_grad for parameter in optimised.parameters())


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", FAMILIES[:2])
def test_rewritten_sampling_locations_keep_outputs_and_gradients(name, padded):
    labels = [
        {"class_labels": torch.tensor([1, 4]), "boxes": torch.tensor([[0.3, 0.4, 0.2, 0.3]] * 2, dtype=torch.float64)}
    ] * 2
    stock = build(name)
    model = copy.deepcopy(stock)
    assert rewrite_sampling_locations(model) == 4
    ours, theirs = model(**inputs(padded), labels=labels), stock(**inputs(padded), labels=labels)
    assert_same(ours, theirs)
    ours.loss.backward()
    theirs.loss.backward()
    expected = {key: parameter.grad for key, parameter in stock.named_parameters() if parameter.grad is not None}
    assert any("sampling_offsets" in key for key in expected)
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, expected[key], rtol=1e-7, atol=1e-7, msg=key)


def test_chunked_feed_forward_is_exact_and_only_used_without_gradients(monkeypatch):
    monkeypatch.setattr(optimise, "_CHUNK", 5)
    stock = build("deformable_detr")
    model = copy.deepcopy(stock)
    assert chunk_feed_forward(model) == 4
    with torch.no_grad():
        assert_same(model(**inputs()), stock(**inputs()))
    layer = model.model.encoder.layers[0].mlp
    out = layer(torch.randn(1, 12, 32, dtype=torch.float64, requires_grad=True))
    assert out.grad_fn is not None


def test_rewriting_leaves_state_dict_keys():
    model = build("deformable_detr")
    keys = list(model.state_dict())
    rewrite_sampling_locations(model)
    chunk_feed_forward(model)
    assert list(copy.deepcopy(model).state_dict()) == keys
