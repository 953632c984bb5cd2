import pytest
import torch
from torch.nn import functional as F

from lowres.models.downsamplers import (
    FixedDownsampler,
    IdentityDownsampler,
    LearnedDownsampler,
    shrink_mask,
    thumbnails,
)


@pytest.mark.parametrize("kind", ["bicubic", "bilinear"])
@pytest.mark.parametrize("ratio", [2, 4])
def test_fixed_kinds_equal_antialiased_interpolation(kind, ratio):
    pixels = torch.rand(2, 3, 32, 48)
    expected = F.interpolate(pixels, scale_factor=1 / ratio, mode=kind, antialias=True)
    torch.testing.assert_close(FixedDownsampler(kind=kind, ratio=ratio)(pixels), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ratio", [2, 4])
def test_area_is_the_average_of_each_block(ratio):
    pixels = torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(FixedDownsampler(kind="area", ratio=ratio)(pixels), F.avg_pool2d(pixels, ratio))


@pytest.mark.parametrize("kind", ["bicubic", "bilinear", "area"])
def test_fixed_kinds_keep_a_flat_image_flat_up_to_the_border(kind):
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(FixedDownsampler(kind=kind, ratio=4)(flat), torch.full((1, 3, 4, 4), 0.3))


def test_the_papers_4x_module_is_two_3x3_convolutions_of_stride_2_through_12_channels():
    module = LearnedDownsampler(ratio=4)
    assert sum(p.numel() for p in module.parameters()) == 12 * 3 * 9 + 3 * 12 * 9
    assert [type(layer).__name__ for layer in module.layers] == ["Conv2d", "ReLU", "Conv2d", "ReLU"]
    assert module(torch.rand(1, 3, 64, 96)).shape == (1, 3, 16, 24)


def test_the_papers_2x_module_has_5x5_kernels_and_strides_1_and_2():
    module = LearnedDownsampler(ratio=2)
    convolutions = [layer for layer in module.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [(layer.kernel_size[0], layer.stride[0]) for layer in convolutions] == [(5, 1), (5, 2)]


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_every_depth_shrinks_by_its_ratio_and_learns_in_every_layer(ratio, layers):
    torch.manual_seed(0)
    module = LearnedDownsampler(ratio=ratio, layers=layers, final_relu=False, bias=True)
    thumbnail = module(torch.rand(1, 3, 64, 96))
    assert thumbnail.shape == (1, 3, 64 // ratio, 96 // ratio)
    thumbnail.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_with_a_skip_the_module_begins_as_plain_interpolation():
    pixels = torch.rand(1, 3, 32, 32)
    module = LearnedDownsampler(ratio=4, skip="bicubic", final_relu=False)
    torch.testing.assert_close(module(pixels), FixedDownsampler(kind="bicubic", ratio=4)(pixels))


def test_an_undefined_depth_names_what_there_is():
    with pytest.raises(ValueError, match="ratio 4 with 3 layers is not defined; use ratio 4 with 1 layers"):
        LearnedDownsampler(ratio=4, layers=3)


def test_identity_changes_nothing():
    pixels = torch.rand(1, 3, 8, 8)
    assert IdentityDownsampler()(pixels) is pixels


def test_a_thumbnail_pixel_is_real_if_any_pixel_under_it_is():
    mask = torch.zeros(1, 4, 8, dtype=torch.bool)
    mask[0, :3, :5] = True
    assert shrink_mask(mask, 4).tolist() == [[[True, True]]]
    assert shrink_mask(mask, 2).tolist() == [[[True, True, True, False], [True, True, True, False]]]


@pytest.mark.parametrize("module", [LearnedDownsampler(ratio=4), FixedDownsampler(kind="bicubic", ratio=4)])
def test_thumbnails_are_float32_under_autocast_too(module):
    pixels = torch.rand(2, 3, 32, 32)
    expected = module(pixels)
    with torch.autocast("cpu", torch.bfloat16):
        assert module(pixels).dtype == torch.bfloat16
        assert torch.equal(thumbnails(module, pixels), expected)
