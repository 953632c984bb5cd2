import pytest
import torch
from tests.tasks.test_distillation import batch

from lowres.models.downsamplers import FixedDownsampler, build_downsampler
from lowres.records import LabelledImages
from lowres.tasks.downsampling import DownsamplingTask


def test_bicubic_term_is_the_mean_squared_distance_to_bicubic_thumbnails():
    module = build_downsampler(kind="area", ratio=4)
    data = batch()
    terms = DownsamplingTask(module, terms={"bicubic"}, deviation_weight=0.0)(data)
    expected = (module(data.pixels) - FixedDownsampler(kind="bicubic", ratio=4)(data.pixels)).square().mean()
    torch.testing.assert_close(terms["bicubic"], expected)


def test_terms_train_the_module():
    module = build_downsampler(kind="learned", ratio=4, final_relu=False)
    task = DownsamplingTask(module, terms={"moment", "bicubic"}, deviation_weight=0.1)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    data = batch()
    losses = []
    for _ in range(30):
        loss = torch.stack(list(task(data).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_padding_does_not_count():
    module = build_downsampler(kind="area", ratio=4)
    data = batch(width=256)
    plain = DownsamplingTask(module, terms={"moment"}, deviation_weight=0.1)(data)["moment"]
    data.pixels = torch.nn.functional.pad(data.pixels, (0, 128))
    data.mask = torch.nn.functional.pad(data.mask, (0, 128))
    torch.testing.assert_close(DownsamplingTask(module, terms={"moment"}, deviation_weight=0.1)(data)["moment"], plain)


def test_labelled_images_count_whole():
    data = batch()  # without padding
    images = LabelledImages(pixels=data.pixels, labels=torch.arange(len(data)), image_ids=data.image_ids)
    task = DownsamplingTask(build_downsampler(kind="area", ratio=4), terms={"moment", "bicubic"}, deviation_weight=0.1)
    assert {name: value.item() for name, value in task(images).items()} == {
        name: value.item() for name, value in task(data).items()
    }


def test_an_unknown_term_is_named():
    with pytest.raises(ValueError, match=r"\['momnet'\] unknown"):
        DownsamplingTask(build_downsampler(kind="area", ratio=4), terms={"momnet"}, deviation_weight=0.0)
