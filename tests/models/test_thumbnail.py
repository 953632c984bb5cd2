"""A thumbnail detector's own facts."""

import pytest
import torch
from torch import nn

from lowres.models.downsamplers import build_downsampler, thumbnails
from lowres.models.thumbnail import ThumbnailDetector


@pytest.mark.parametrize(("options", "channels"), [({"kind": "bicubic"}, 3), ({"kind": "learned", "channels": 12}, 12)])
def test_a_detector_says_how_many_numbers_a_thumbnail_pixel_has(options, channels):
    module = build_downsampler(ratio=4, **options)
    assert ThumbnailDetector(module, nn.Identity()).thumbnail_channels == channels  # pyright: ignore[reportArgumentType]
    assert thumbnails(module, torch.rand(1, 3, 8, 8)).shape[1] == channels
