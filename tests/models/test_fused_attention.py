"""Fused attention inside transformers models against the same model with the stock attention."""

import copy
import io
import logging

import pytest
import torch
from tests.models.library_models import (
    CASES,
    CONFIGS,
    SIZE,
    assert_gradients_close,
    build,
    exact_numbers,
    parameter_gradients,
    run,
)
from torch import nn
from transformers import AutoModelForObjectDetection

from lowres.models.fused_attention import (
    FusedCore,
    fused_attention_disabled,
    install_fused_attention,
    remove_fused_attention,
)

EXPECTED_COUNT = {"deformable_detr": 4, "deformable_detr_refine": 4, "deformable_detr_two_stage": 4}


@pytest.mark.parametrize(("name", "size"), CASES)
def test_outputs_and_parameter_gradients_equal_stock(name, size):
    with exact_numbers(name) as tolerance:
        model = build(name)
        for training in (False, True):
            model.train(training)
            state = copy.deepcopy(model.state_dict())  # batch norm moves in training
            stock = run(model, size)
            stock_gradients = parameter_gradients(model, size) if training else {}

            model.load_state_dict(state)
            assert install_fused_attention(model) == EXPECTED_COUNT.get(name, 2)
            fused = run(model, size)
            fused_gradients = parameter_gradients(model, size) if training else {}
            assert remove_fused_attention(model) == EXPECTED_COUNT.get(name, 2)

            for key in ("logits", "pred_boxes", "loss"):
                torch.testing.assert_close(fused[key], stock[key], rtol=tolerance, atol=0.1 * tolerance, msg=key)
            assert_gradients_close(fused_gradients, stock_gradients, tolerance)
            if training:
                assert any("sampling_offsets" in key and grad.abs().sum() > 0 for key, grad in fused_gradients.items())


@pytest.mark.parametrize("name", ["deformable_detr", "rt_detr_v2", "d_fine"])
def test_the_fused_function_is_the_one_that_runs(name, monkeypatch):
    model = build(name).eval()
    install_fused_attention(model)

    def refuse(*arguments, **options):
        raise AssertionError("stock path")

    monkeypatch.setattr(torch.nn.functional, "grid_sample", refuse)
    run(model, (64, 64))
    with fused_attention_disabled(model), pytest.raises(AssertionError, match="stock path"):
        run(model, (64, 64))
    run(model, (64, 64))


@pytest.mark.parametrize("name", CONFIGS)
def test_installation_leaves_weights_names_copies_and_pickles_intact(name):
    model = build(name).eval()
    keys = list(model.state_dict())
    install_fused_attention(model)
    assert list(model.state_dict()) == keys
    build(name).load_state_dict(model.state_dict())

    others = [copy.deepcopy(model)]
    if name not in ("lw_detr", "rf_detr"):  # their backbones hold local functions from the start, which no pickle takes
        buffer = io.BytesIO()
        torch.save(model, buffer)  # before any forward: others of transformers get such functions then
        buffer.seek(0)
        others.append(torch.load(buffer, weights_only=False))
    size = SIZE.get(name, (64, 64))
    expected = run(model, size).logits
    for other in others:
        assert install_fused_attention(other) == 0, "it came along"
        torch.testing.assert_close(run(other, size).logits, expected, rtol=1e-4, atol=1e-5)
        assert remove_fused_attention(other) == EXPECTED_COUNT.get(name, 2)
    assert install_fused_attention(model) == 0, "removing it from a copy left the original alone"


@pytest.mark.parametrize("name", ["deformable_detr", "rt_detr_v2", "d_fine"])
def test_other_models_of_the_same_class_keep_stock(name):
    model, other = build(name), build(name)
    install_fused_attention(model)
    assert remove_fused_attention(other) == 0
    assert remove_fused_attention(model) == EXPECTED_COUNT.get(name, 2)
    assert remove_fused_attention(model) == 0
    assert not any(isinstance(module, FusedCore) for module in model.modules())


@pytest.mark.parametrize("family", ["rt_detr_v2", "d_fine"])
def test_discrete_sampling_stays_stock_and_is_named(family, caplog):
    config = CONFIGS[family]()
    config.decoder_method = "discrete"
    model = AutoModelForObjectDetection.from_config(config)
    with caplog.at_level(logging.WARNING):
        assert install_fused_attention(model) == 0
    assert "encoder_attn" in caplog.text


def test_disabling_what_was_never_installed_installs_nothing():
    model = build("rt_detr_v2")
    with fused_attention_disabled(model):
        pass
    assert remove_fused_attention(model) == 0


def test_a_model_without_deformable_attention_is_left_alone():
    assert install_fused_attention(nn.Sequential(nn.Linear(2, 2))) == 0
