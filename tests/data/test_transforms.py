import colorsys

import cv2
import numpy as np
import pytest

from lowres.data.transforms import Colour, Sample, build_transforms, crop_and_resize, flip_horizontally


def sample(pixels, boxes=(), labels=None):
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    labels = np.arange(len(boxes)) if labels is None else np.array(labels)
    return Sample(pixels, boxes, labels, 1, (pixels.shape[1], pixels.shape[0]))


def apply(transform, thing, seed=0, **options):
    return transform(thing, np.random.default_rng(seed), another=lambda: thing, **options)


def marked(width, height, box):
    """Black, with a white box: the box can be found again in the pixels."""
    pixels = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return sample(pixels, [box])


def found_box(pixels):
    ys, xs = np.nonzero(pixels[..., 0] > 127)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


def test_flip_moves_pixels_and_boxes_to_the_other_side():
    flipped = flip_horizontally(marked(20, 10, (2, 3, 6, 8)))
    assert flipped.boxes_xyxy_px.tolist() == [[14, 3, 18, 8]]
    assert found_box(flipped.pixels).tolist() == [14, 3, 18, 8]
    assert flip_horizontally(flipped).boxes_xyxy_px.tolist() == [[2, 3, 6, 8]]


def test_flip_probability_zero_and_one_are_never_and_always():
    thing = marked(16, 16, (0, 0, 4, 4))
    never = build_transforms(short_side_px=16)
    always = build_transforms(short_side_px=16, flip_probability=1.0)
    assert all(apply(never, thing, seed).boxes_xyxy_px[0, 0] == 0 for seed in range(20))
    assert all(apply(always, thing, seed).boxes_xyxy_px[0, 0] == 12 for seed in range(20))


@pytest.mark.parametrize(
    ("size", "short", "long", "expected"),
    [
        ((640, 480), 800, 1333, (1067, 800)),  # DETR's rule
        ((1000, 400), 800, 1333, (1333, 533)),  # the long side limits
        ((400, 1000), 800, 1333, (533, 1333)),
        ((30, 20), 60, 60, (60, 40)),
        ((1000, 1), 100, 100, (100, 1)),
    ],
)
def test_resize_keeps_the_aspect_within_both_limits(size, short, long, expected, picture):
    thing = sample(picture(*size), [[0, 0, *size]])
    resized = apply(build_transforms(short_side_px=short, long_side_px=long), thing)
    assert resized.wh_px == expected
    assert resized.boxes_xyxy_px.tolist() == [[0, 0, *expected]]
    assert resized.original_wh_px == size


def test_stretch_makes_an_exact_square():
    resized = apply(build_transforms(short_side_px=20, stretch=True), marked(40, 10, (8, 2, 16, 6)))
    assert resized.wh_px == (20, 20)
    assert resized.boxes_xyxy_px.tolist() == [[4, 4, 8, 12]]
    assert found_box(resized.pixels).tolist() == [4, 4, 8, 12]


def test_image_of_the_right_size_is_not_resampled(picture):
    thing = sample(picture(32, 32))
    assert np.array_equal(apply(build_transforms(short_side_px=32), thing).pixels, thing.pixels)


def test_crop_clips_boxes_and_drops_those_hardly_visible():
    boxes = [[0, 0, 10, 10], [4, 4, 14, 14], [0, 0, 20, 20], [15, 15, 18, 18]]
    thing = sample(np.zeros((20, 20, 3), np.uint8), boxes)
    cropped = crop_and_resize(thing, (8, 6), (10, 8), (20, 16), min_visibility=0.2)
    # window x 8..18, y 6..14: the first keeps 2x4 of 100, the second 6x8, the third 10x8 of 400 = 0.2, the last nothing
    assert cropped.labels.tolist() == [1, 2]
    assert cropped.boxes_xyxy_px.tolist() == [[0, 0, 12, 16], [0, 0, 20, 16]]


def test_box_outside_the_crop_is_dropped_even_at_visibility_zero():
    thing = sample(np.zeros((20, 20, 3), np.uint8), [[0, 0, 5, 5], [5, 0, 9, 5]])
    assert crop_and_resize(thing, (5, 0), (10, 10), (10, 10), min_visibility=0.0).labels.tolist() == [1]


def test_boxes_follow_the_pixels_through_every_geometric_augmentation():
    transform = build_transforms(
        short_side_px=96,
        long_side_px=160,
        flip_probability=0.5,
        scale_jitter=(0.6, 1.6),
        crop_probability=0.5,
        crop_fraction=(0.6, 1.0),
        mosaic_probability=0.0,
    )
    thing = marked(120, 80, (30, 20, 90, 60))
    sizes = set()
    for seed in range(60):
        moved = apply(transform, thing, seed)
        sizes.add(moved.wh_px)
        assert np.abs(found_box(moved.pixels) - moved.boxes_xyxy_px[0]).max() <= 1.5, seed
        assert (moved.boxes_xyxy_px >= 0).all()
        assert (moved.boxes_xyxy_px[:, 2:] <= moved.wh_px).all()
    assert len(sizes) > 10


def test_scale_jitter_never_exceeds_the_size_it_started_from(picture):
    transform = build_transforms(short_side_px=64, scale_jitter=(0.5, 2.0))
    thing = sample(picture(64, 64), [[0, 0, 64, 64]])
    sides = [apply(transform, thing, seed).wh_px[0] for seed in range(50)]
    assert max(sides) == 64
    assert 32 <= min(sides) < 45


def test_mosaic_fills_one_canvas_and_its_boxes_cover_its_objects():
    transform = build_transforms(short_side_px=64, long_side_px=96, mosaic_probability=1.0, mosaic_scale=(0.4, 1.2))
    thing = marked(90, 60, (20, 10, 70, 50))
    counts = set()
    for seed in range(40):
        mosaic = apply(transform, thing, seed)
        assert mosaic.wh_px == (96, 64)
        assert (mosaic.boxes_xyxy_px >= 0).all()
        assert (mosaic.boxes_xyxy_px[:, 2:] <= [96, 64]).all()
        counts.add(len(mosaic.labels))
        covered = np.zeros((64, 96), bool)
        for x1, y1, x2, y2 in mosaic.boxes_xyxy_px:
            covered[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))] = True
        white = mosaic.pixels[..., 0] > 127
        assert (white & ~covered).sum() <= 0.02 * white.sum()
        assert white.sum() >= 0.8 * covered.sum()
    assert max(counts) == 4


def test_mosaic_pieces_meet_at_the_centre():
    white = sample(np.full((40, 40, 3), 255, np.uint8))
    transform = build_transforms(short_side_px=40, mosaic_probability=1.0, mosaic_scale=(0.2, 0.25))
    for seed in range(10):
        x1, y1, x2, y2 = found_box(apply(transform, white, seed).pixels)
        assert 16 <= x2 - x1 <= 20  # two pieces of 8 to 10 px side by side
        assert 16 <= y2 - y1 <= 20


def test_several_short_sides_are_all_drawn_and_an_override_wins(picture):
    transform = build_transforms(short_side_px=[16, 24, 32])
    thing = sample(picture(10, 10))
    assert {apply(transform, thing, seed).wh_px for seed in range(40)} == {(16, 16), (24, 24), (32, 32)}
    assert apply(transform, thing, short_side_px=8).wh_px == (8, 8)


class Fixed:
    """A generator that draws the same number each time."""

    def __init__(self, value):
        self.value = value

    def uniform(self, low, high):
        return np.broadcast_to(self.value, np.shape(low)) if np.ndim(low) else self.value


def colour(pixels, value, **strengths):
    return Colour(**(dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0) | strengths))(
        pixels, Fixed(value)
    )


def test_brightness_scales_and_saturates(picture):
    pixels = picture(16, 16)
    expected = np.clip(pixels * 1.5, 0, 255)
    assert np.abs(colour(pixels, 1.0, brightness=0.5) - expected).max() <= 1


def test_contrast_stretches_about_the_mean_grey():
    pixels = np.full((4, 4, 3), 100, np.uint8)
    pixels[:2] = 60  # mean 80; half the contrast: 70 and 90
    result = colour(pixels, -1.0, contrast=0.5)
    assert np.abs(result[0, 0].astype(int) - 70).max() <= 1
    assert np.abs(result[3, 3].astype(int) - 90).max() <= 1


def test_saturation_zero_is_grey_of_the_same_luma(picture):
    pixels = picture(16, 16)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(int)
    result = colour(pixels, -1.0, saturation=1.0).astype(int)
    assert np.abs(result - grey[..., None]).max() <= 2


def test_hue_turns_red_towards_green_and_back():
    pixels = np.full((2, 2, 3), (180, 60, 60), np.uint8)
    turned = colour(pixels, 1.0, hue=0.25)[0, 0] / 255
    other = colour(pixels, -1.0, hue=0.25)[0, 0] / 255
    hues = sorted([colorsys.rgb_to_hsv(*turned)[0], colorsys.rgb_to_hsv(*other)[0]])
    assert 0.1 < hues[0] < 0.45
    assert 0.55 < hues[1] < 0.9
    assert np.abs(colour(pixels, 1.0, hue=0.0).astype(int) - pixels).max() == 0


def test_no_colour_jitter_changes_nothing(picture):
    assert np.array_equal(colour(picture(9, 9), 1.0), picture(9, 9))


def test_input_is_never_written_to(picture):
    thing = sample(picture(40, 40), [[1, 1, 20, 20]])
    thing.pixels.flags.writeable = False
    thing.boxes_xyxy_px.flags.writeable = False
    for options in ({}, {"mosaic_probability": 1.0}, {"brightness": 0.5, "flip_probability": 1.0}):
        apply(build_transforms(short_side_px=40, **options), thing)


@pytest.mark.parametrize(
    "options",
    [
        {"short_side_px": []},
        {"short_side_px": 0},
        {"short_side_px": 10, "long_side_px": 5},
        {"flip_probability": 1.1},
        {"min_visibility": -1.0},
        {"brightness": 2.0},
        {"hue": 0.6},
        {"scale_jitter": (0.0, 1.0)},
        {"scale_jitter": (2.0, 1.0)},
        {"scale_jitter": (1.0, float("inf"))},
        {"crop_fraction": (0.5, 1.5)},
        {"mosaic_scale": (float("nan"), 1.0)},
    ],
)
def test_impossible_value_is_refused_by_name(options):
    with pytest.raises(ValueError, match=list(options)[-1]):
        build_transforms(**({"short_side_px": 8} | options))
