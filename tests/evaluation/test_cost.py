import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lowres.evaluation.cost import count_arithmetic, count_parameters, multiply_adds


class Calls(nn.Module):
    """A module that only calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def test_parameters_are_counted_by_hand_and_shared_ones_once():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 8), nn.Linear(8, 8))
    model[3].weight = model[2].weight
    model[0].requires_grad_(False)
    conv, norm, linear, bias = 8 * 3 * 9 + 8, 16, 64 + 8, 8
    assert count_parameters(model) == conv + norm + linear + bias
    assert count_parameters(model, trainable_only=True) == norm + linear + bias


def test_a_convolution_is_outputs_times_kernel_times_channels():
    conv = nn.Conv2d(3, 12, kernel_size=3, stride=2, padding=1)
    assert multiply_adds(conv, torch.zeros(2, 3, 64, 48)) == 2 * 12 * 32 * 24 * 3 * 9


def test_a_grouped_convolution_sees_only_its_channels():
    assert multiply_adds(nn.Conv2d(8, 8, 3, padding=1, groups=8), torch.zeros(1, 8, 10, 10)) == 8 * 100 * 9


def test_the_papers_down_sampler_of_4x():
    # ThumbDet: Conv 3 -> 12 k3 s2 p1, Conv 12 -> 3 k3 s2 p1, at 800 x 1344
    model = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(12, 3, 3, 2, 1, bias=False))
    expected = 400 * 672 * 12 * 27 + 200 * 336 * 3 * 108
    assert multiply_adds(model, torch.zeros(1, 3, 800, 1344, device="cpu")) == expected


@pytest.mark.parametrize("gradients", [False, True])
def test_a_linear_layer_is_rows_times_inputs_times_outputs(gradients):
    with torch.set_grad_enabled(gradients):
        assert multiply_adds(nn.Linear(32, 8), torch.zeros(2, 10, 32)) == 20 * 32 * 8


def test_attention_is_counted_on_a_cpu():
    query, key, value = torch.zeros(2, 4, 10, 16), torch.zeros(2, 4, 30, 16), torch.zeros(2, 4, 30, 16)
    model = Calls(F.scaled_dot_product_attention)
    assert multiply_adds(model, (query, key, value)) == 2 * 4 * 10 * 30 * (16 + 16)
    by_math = Calls(lambda q, k, v: (q @ k.transpose(-1, -2)).softmax(-1) @ v)
    assert multiply_adds(by_math, (query, key, value)) == multiply_adds(model, (query, key, value))


@pytest.mark.parametrize("need_weights", [False, True])
def test_multi_head_attention_is_counted_in_spite_of_its_fused_path(need_weights):
    attention = nn.MultiheadAttention(32, 2, batch_first=True).eval()
    x = torch.zeros(1, 10, 32)
    inputs = {"query": x, "key": x, "value": x, "need_weights": need_weights}
    assert multiply_adds(attention, inputs) == 4 * 10 * 32 * 32 + 2 * 2 * 10 * 10 * 16
    assert torch.backends.mha.get_fastpath_enabled()


def test_an_encoder_layer_is_counted_in_spite_of_its_fused_path():
    layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True).eval()
    assert multiply_adds(layer, torch.zeros(1, 10, 32)) == 10 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * 10 * 10 * 32


def test_a_weighted_embedding_bag_is_indices_times_channels():
    indices, rows, weights = torch.zeros(5, 4, dtype=torch.long), torch.zeros(9, 8), torch.ones(5, 4)
    weighted = Calls(lambda i, r, w: F.embedding_bag(i, r, mode="sum", per_sample_weights=w))
    assert multiply_adds(weighted, (indices, rows, weights)) == 5 * 4 * 8
    assert multiply_adds(Calls(lambda i, r: F.embedding_bag(i, r, mode="sum")), (indices, rows)) == 0


@pytest.mark.parametrize(("mode", "taps"), [("bilinear", 4), ("bicubic", 16), ("nearest", 0)])
def test_grid_sampling_is_taps_times_outputs(mode, taps):
    sample = Calls(lambda image, grid: F.grid_sample(image, grid, mode=mode, align_corners=False))
    assert multiply_adds(sample, (torch.zeros(2, 3, 9, 9), torch.zeros(2, 5, 7, 2))) == taps * 2 * 3 * 5 * 7


def test_bilinear_samples_cost_the_same_by_grid_or_by_bag():
    """Four levels by four points, eight channels, six queries: one bag of 64 weighted rows per query."""
    bag = Calls(lambda i, r, w: F.embedding_bag(i, r, mode="sum", per_sample_weights=w))
    by_bag = multiply_adds(bag, (torch.zeros(6, 64, dtype=torch.long), torch.zeros(9, 8), torch.ones(6, 64)))
    grid = Calls(lambda image, points: F.grid_sample(image, points, align_corners=False))
    by_grid = 4 * multiply_adds(grid, (torch.zeros(1, 8, 9, 9), torch.zeros(1, 6, 4, 2)))
    assert by_bag == by_grid


def test_operators_that_hide_matrix_products_are_refused():
    with pytest.raises(ValueError, match=r"the model runs aten\..*, which cannot be counted"):
        multiply_adds(nn.LSTM(8, 8), torch.zeros(3, 1, 8))


def test_the_parts_add_up_and_what_is_not_counted_is_told():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 5), nn.Softmax(-1))
    arithmetic = count_arithmetic(model, torch.zeros(1, 3, 8, 8))
    assert arithmetic.by_operator == {"aten.convolution": 64 * 12, "aten.addmm": 256 * 5}
    assert arithmetic.multiply_adds == sum(arithmetic.by_operator.values())
    assert arithmetic.not_counted_elements["aten.relu"] == 256
    assert arithmetic.not_counted_elements["aten._softmax"] == 5


def test_a_parameter_may_be_the_input_of_a_module():
    class Queries(nn.Module):
        def __init__(self):
            super().__init__()
            self.queries, self.linear = nn.Parameter(torch.zeros(10, 4)), nn.Linear(4, 2)

        def forward(self, x):
            return self.linear(self.queries) + x

    assert multiply_adds(Queries(), torch.zeros(1)) == 10 * 4 * 2


def test_counting_leaves_modes_gradients_and_statistics_as_they_were():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    model.train()
    model[1].eval()  # a frozen part inside a model in training
    model[0].bias.requires_grad_(False)
    before = model[1].running_mean.clone()
    multiply_adds(model, torch.ones(1, 3, 4, 4))
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert torch.equal(model[1].running_mean, before)
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, False, True, True]
