"""Each rewriting of a model against the model as it was."""

import copy

import pytest
import torch
from tests.models.library_models import CONFIGS
from torch import nn
from transformers import AutoModelForObjectDetection

from lowres.models import optimise
from lowres.models.optimise import (
    chunk_feed_forward,
    fold_batch_norm,
    optimised_for_inference,
    rewrite_sampling_locations,
)

FAMILIES = ["deformable_detr", "deformable_detr_two_stage", "rt_detr_v2", "d_fine"]


def build(name: str) -> nn.Module:
    """A tiny model whose batch norms have seen data, and whose sampling points lie off the pixel centres.

    In float64, because two-stage models pick their queries by rank and a difference in the last bit may swap two.
    """
    torch.manual_seed(0)
    model = AutoModelForObjectDetection.from_config(CONFIGS[name]()).eval()
    for module_name, module in model.named_modules():
        if "BatchNorm2d" in type(module).__name__:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if module_name.endswith("sampling_offsets"):
            nn.init.normal_(module.weight, std=0.3)
            nn.init.normal_(module.bias, std=1.0)
    return model.double()


def inputs(padded: bool = False) -> dict[str, torch.Tensor]:
    pixels = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.ones(2, 64, 96, dtype=torch.long)
    if padded:
        mask[1, 48:] = 0
        mask[1, :, 64:] = 0
    return {"pixel_values": pixels * mask[:, None], "pixel_mask": mask}


def assert_same(ours, stock) -> None:
    torch.testing.assert_close(ours.logits, stock.logits, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(ours.pred_boxes, stock.pred_boxes, rtol=1e-7, atol=1e-7)


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
