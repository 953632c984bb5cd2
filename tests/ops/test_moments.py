import torch

from lowres.ops.moments import moment_matching_loss


def masks(image, thumbnail):
    return torch.ones(image.shape[0], *image.shape[2:], dtype=torch.bool), torch.ones(
        thumbnail.shape[0], *thumbnail.shape[2:], dtype=torch.bool
    )


def test_worked_by_hand():
    # Channel means 0.5 and deviations 0.5 against a flat thumbnail of 0.25: (0.25)^2 + lambda * (0.5)^2 in each channel.
    image = torch.tensor([0.0, 1.0]).repeat(1, 3, 2, 1)
    thumbnail = torch.full((1, 3, 1, 1), 0.25)
    image_mask, thumbnail_mask = masks(image, thumbnail)
    loss = moment_matching_loss(image, image_mask, thumbnail, thumbnail_mask, deviation_weight=0.1)
    torch.testing.assert_close(loss, torch.tensor(0.0625 + 0.1 * 0.25), rtol=1e-5, atol=1e-5)


def test_zero_for_equal_moments_whatever_the_arrangement():
    image = torch.rand(2, 3, 4, 6)
    shuffled = image.flatten(2)[..., torch.randperm(24)].reshape(2, 3, 6, 4)
    image_mask, shuffled_mask = masks(image, shuffled)
    loss = moment_matching_loss(image, image_mask, shuffled, shuffled_mask, deviation_weight=1.0)
    assert loss.item() < 1e-10


def test_padding_does_not_count():
    image, thumbnail = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 2, 2)
    image_mask, thumbnail_mask = masks(image, thumbnail)
    plain = moment_matching_loss(image, image_mask, thumbnail, thumbnail_mask, deviation_weight=0.1)
    padded = torch.nn.functional.pad(image, (0, 5, 0, 3), value=0.9)
    padded_mask = torch.nn.functional.pad(image_mask, (0, 5, 0, 3))
    torch.testing.assert_close(
        moment_matching_loss(padded, padded_mask, thumbnail, thumbnail_mask, deviation_weight=0.1), plain
    )


def test_gradient_is_finite_on_a_flat_thumbnail():
    thumbnail = torch.zeros(1, 3, 2, 2, requires_grad=True)
    image = torch.rand(1, 3, 8, 8)
    moment_matching_loss(
        image, *masks(image, thumbnail)[:1], thumbnail, masks(image, thumbnail)[1], deviation_weight=1.0
    ).backward()
    assert thumbnail.grad is not None
    assert torch.isfinite(thumbnail.grad).all()
