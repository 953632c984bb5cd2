import pytest
import torch
from tests.models.tiny_classifier import LEARNED, tiny_classifier, tiny_spec
from torch import nn

from lowres.models.thumbnail_classifier import ThumbnailReader


@pytest.mark.parametrize("restore", ["bicubic", "bilinear", "none"])
def test_a_reader_of_thumbnails_is_what_follows_the_down_sampler(restore):
    model = tiny_classifier(tiny_spec("resnet18", restore=restore))
    pixels = torch.rand(3, 3, 32, 32)
    reader = ThumbnailReader(model)
    found = reader(model.downsampler(pixels))
    torch.testing.assert_close(found.logits, model(pixels).logits, rtol=0, atol=0)
    assert reader.ratio == 1


def test_making_a_reader_leaves_the_mode_of_the_model():
    for training in (True, False):
        model = tiny_classifier(tiny_spec("resnet18")).train(training)
        assert ThumbnailReader(model).training == training
        assert {module.training for module in model.modules()} == {training}


@pytest.mark.parametrize(
    ("downsampler", "takes"),
    [
        ({"kind": "bicubic", "ratio": 4}, True),
        ({"kind": "area", "ratio": 2}, True),
        (LEARNED, False),
        ({"kind": "identity", "ratio": 1}, False),
    ],
    ids=lambda value: str(value) if isinstance(value, bool) else value["kind"],
)
def test_thumbnails_made_elsewhere_are_taken_where_interpolation_makes_them(downsampler, takes):
    assert tiny_classifier(tiny_spec(downsampler=downsampler)).takes_thumbnails == takes


def test_a_copy_for_inference_classifies_alike_without_batch_norms_and_leaves_the_model_as_it_was():
    model = tiny_classifier(tiny_spec("resnet18"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = model.for_inference()
    pixels = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(fast(pixels).logits, model(pixels).logits, rtol=1e-4, atol=1e-4)
    assert not [module for module in fast.modules() if isinstance(module, nn.BatchNorm2d)]
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
