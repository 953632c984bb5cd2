import pytest
import torch
from torch import nn

from lowres.models.small_map_conv import SmallMapConv2d


def pair(side, *, kernel=3, stride=1, padding=1, bias=True, groups=1):
    """A library convolution and ours with the same weights, and one map for each to differentiate."""
    torch.manual_seed(0)
    settings = {"stride": stride, "padding": padding, "bias": bias, "groups": groups, "dtype": torch.float64}
    library, ours = nn.Conv2d(4, 6, kernel, **settings), SmallMapConv2d(4, 6, kernel, **settings)
    ours.load_state_dict(library.state_dict())
    maps = torch.randn(3, 4, *side, dtype=torch.float64)
    return library, ours, maps.clone().requires_grad_(), maps.clone().requires_grad_()


@pytest.mark.parametrize(
    ("side", "options"),
    [
        ((2, 2), {}),
        ((1, 1), {}),
        ((1, 2), {"bias": False}),
        ((2, 2), {"kernel": 5, "padding": 2}),
        ((3, 2), {"kernel": 5, "padding": 2}),
        ((2, 2), {"stride": 2}),
        ((2, 2), {"kernel": 2, "padding": 0}),
        # Left to the library: windows that see a part of the map, and groups.
        ((4, 4), {}),
        ((2, 7), {}),
        ((2, 2), {"groups": 2}),
    ],
)
def test_values_and_gradients_are_those_of_the_library(side, options):
    library, ours, theirs, own = pair(side, **options)
    expected, found = library(theirs), ours(own)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    torch.testing.assert_close(own.grad, theirs.grad)
    for name, parameter in library.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad)


def test_a_map_that_every_window_covers_is_a_dense_layer_in_training_alone(monkeypatch):
    _, ours, maps, _ = pair((2, 2))
    calls = []
    monkeypatch.setattr(nn.Conv2d, "forward", lambda self, input: calls.append(self))
    ours(maps)
    assert not calls
    with torch.no_grad():
        ours(maps)
    assert calls == [ours]
