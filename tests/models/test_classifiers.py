import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lowres.models.classifiers import SMALLEST_SIDE_PX, build_classifier

FAMILIES = ("alexnet", "vgg16", "resnet18")
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def network(family, *, width=0.125, num_classes=10, dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return build_classifier(
        family=family, num_classes=num_classes, mean=MEAN, std=STD, width=width, dropout=dropout
    ).eval()


def kinds(model):
    return [
        "pool" if isinstance(layer, nn.MaxPool2d) else (layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in model.layers
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d)
    ]


@pytest.mark.parametrize(
    ("family", "parameters", "features"),
    [
        # Summed by hand, layer by layer: 23296 + 307392 + 663936 + 884992 + 590080, and 2570.
        ("alexnet", 2_472_266, 256),
        # pytorch-cifar's 14 728 266 less the 4224 biases of convolutions before a norm.
        ("vgg16", 14_724_042, 512),
        # pytorch-cifar's
        ("resnet18", 11_173_962, 512),
    ],
)
def test_published_networks_have_the_published_numbers_of_parameters_and_features(family, parameters, features):
    model = network(family, width=1.0)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert model.linear.in_features == features


def test_alexnet_has_five_convolutions_and_pools_twice_before_the_whole_map():
    expected = [(64, 11, 4), "pool", (192, 5, 1), "pool", (384, 3, 1), (256, 3, 1), (256, 3, 1)]
    assert kinds(network("alexnet", width=1.0)) == expected


def test_vgg16_has_thirteen_3x3_convolutions_in_five_stages():
    stages = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
    expected = []
    for channels, depth in stages:
        expected += ["pool", *[(channels, 3, 1)] * depth]
    assert kinds(network("vgg16", width=1.0)) == expected[1:]


def test_resnet18_halves_the_map_three_times_and_projects_where_the_shape_changes():
    model = network("resnet18")
    maps = model.layers(torch.rand(1, 3, 32, 32))
    assert maps.shape[2:] == (4, 4)
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert sum(layer.kernel_size == (3, 3) for layer in convolutions) == 17
    assert [layer.stride for layer in convolutions if layer.kernel_size == (1, 1)] == [(2, 2)] * 3


def test_a_residual_block_that_adds_nothing_passes_its_input():
    model = network("resnet18")
    block = model.layers[4]  # the second of the first stage: no projection
    nn.init.zeros_(block.residual[-1].weight)
    maps = torch.rand(2, 8, 6, 5)
    torch.testing.assert_close(block(maps), maps)


@pytest.mark.parametrize(
    ("family", "published_pooling"),
    [
        ("alexnet", lambda maps: F.max_pool2d(maps, 2)),
        ("vgg16", lambda maps: F.max_pool2d(maps, 2)),
        ("resnet18", lambda maps: F.avg_pool2d(maps, 4)),
    ],
)
def test_at_32_px_the_last_pooling_is_the_published_one(family, published_pooling):
    model = network(family)
    pixels = torch.rand(2, 3, 32, 32)
    maps = model.layers((pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None])
    torch.testing.assert_close(model(pixels).features, published_pooling(maps).flatten(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_the_linear_layer_of_the_features(family):
    model = network(family)
    output = model(torch.rand(2, 3, 32, 32))
    torch.testing.assert_close(output.logits, F.linear(output.features, model.linear.weight, model.linear.bias))
    assert output.features.min() >= 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(16, 16), (17, 63), (40, 24), (64, 64)])
def test_any_side_from_16_to_64_px_works_with_a_batch_of_one(family, size):
    output = network(family, num_classes=7)(torch.rand(1, 3, *size))
    assert output.logits.shape == (1, 7)
    assert output.features.shape == (1, network(family).linear.in_features)
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_smallest_side_is_one_that_works_and_less_does_not(family):
    side = SMALLEST_SIDE_PX[family]
    assert network(family)(torch.rand(2, 3, side, side)).logits.shape == (2, 10)
    with pytest.raises(RuntimeError):
        network(family)(torch.rand(2, 3, side - 1, side - 1))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_reaches_every_parameter(family):
    model = network(family).train()
    F.cross_entropy(model(torch.rand(8, 3, 32, 32)).logits, torch.arange(8)).backward()
    silent = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []
    # Not the rounding noise that a bias before a norm would get.
    assert min(parameter.grad.abs().max().item() for parameter in model.parameters()) > 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_width_multiplies_every_number_of_channels(family):
    shapes = [
        [p.shape[0] for name, p in network(family, width=width).named_parameters() if not name.startswith("linear")]
        for width in (0.125, 0.25)
    ]
    assert [2 * narrow for narrow in shapes[0]] == shapes[1]
    assert network(family, width=0.001)(torch.rand(1, 3, 32, 32)).features.shape == (1, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_normalisation_is_inside_and_not_in_the_state(family):
    pixels = torch.rand(2, 3, 32, 32)
    model = network(family)
    plain = build_classifier(family=family, num_classes=10, mean=(0, 0, 0), std=(1, 1, 1), width=0.125).eval()
    plain.load_state_dict(model.state_dict())
    outside = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(model(pixels).logits, plain(outside).logits)
    assert not any("mean" in name.split(".") or "std" in name.split(".") for name in model.state_dict())


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_autocast_and_channels_last_agree_with_float32(family):
    model, pixels = network(family, width=0.5), torch.rand(4, 3, 32, 32)
    expected = model(pixels)
    model, pixels = model.to(memory_format=torch.channels_last), pixels.to(memory_format=torch.channels_last)
    torch.testing.assert_close(model(pixels).logits, expected.logits, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        low = model(pixels)
    assert low.logits.dtype == torch.bfloat16
    scale = expected.features.abs().max().item()
    torch.testing.assert_close(low.features.float(), expected.features, rtol=0, atol=0.03 * scale)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(model(pixels).logits.float(), torch.arange(4))
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_convolutions_start_by_he_and_the_first_loss_is_that_of_a_guess(family):
    model = network(family, width=1.0).train()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.in_channels * layer.kernel_size[0] ** 2
            assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.06)
            assert layer.bias is None or not layer.bias.any()
    with torch.no_grad():
        logits = model(torch.rand(8, 3, 32, 32)).logits
    assert F.cross_entropy(logits, torch.arange(8)).item() == pytest.approx(math.log(10), abs=0.2)


@pytest.mark.parametrize("family", ["alexnet", "vgg16"])
def test_dropout_thins_the_logits_in_training_and_leaves_the_features_whole(family):
    model = network(family, dropout=0.5)
    pixels = torch.rand(4, 3, 32, 32)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    first, second = model(pixels), model(pixels)
    torch.testing.assert_close(first.features, second.features)
    assert not torch.allclose(first.logits, second.logits)
    model.eval()
    torch.testing.assert_close(model(pixels).logits, model(pixels).logits)


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_seeds_give_equal_weights(family):
    one, same, other = network(family, seed=3), network(family, seed=3), network(family, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_channels_of_vgg_never_shrink_along_the_network():
    channels = [kind[0] for kind in kinds(network("vgg16", width=0.3)) if kind != "pool"]
    assert all(before <= after for before, after in pairwise(channels))
    assert channels[0] == 19  # 64 * 0.3, rounded


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "resnet50"}, r"family: 'resnet50' unknown; use one of alexnet, vgg16, resnet18"),
        ({"family": "resnet18", "dropout": 0.5}, "dropout: 0.5 with resnet18, which has no dropout layer"),
        ({"dropout": 1.5}, "probability"),
        ({"width": 0.0}, "width: 0.0 is not positive"),
        ({"width": float("nan")}, "width: nan is not positive"),
        ({"mean": (0.5,)}, "one number per channel"),
        ({"std": (0.2, 0.0, 0.2)}, "std above 0"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options, message):
    arguments = {"family": "alexnet", "num_classes": 10, "mean": MEAN, "std": STD, "width": 0.125, **options}
    with pytest.raises(ValueError, match=message):
        build_classifier(**arguments)
