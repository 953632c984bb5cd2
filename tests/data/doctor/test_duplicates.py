import numpy as np
import pytest
from tests.data.doctor.corpus import picture

from lowres.data.doctor.duplicates import MOST_BITS, WINDOW, exact_groups, near_pairs
from lowres.data.doctor.looks import Looks, looks_of


def test_equal_hashes_are_grouped_and_empty_ones_passed_over():
    assert exact_groups([b"a", b"", b"b", b"a", b"", b"a"]) == [[0, 3, 5]]


def test_pairs_are_those_of_comparing_all_with_all():
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 2, (300, 128), np.uint8)
    for copy in range(150, 300):  # each a copy of an earlier one, up to 12 bits off
        hashes[copy] = hashes[copy - 150]
        hashes[copy, rng.choice(128, rng.integers(0, 13), replace=False)] ^= 1
    tiny = rng.integers(0, 256, 256, np.uint8).tobytes()
    looks = [Looks(np.packbits(bits).tobytes(), tiny) for bits in hashes]
    distance = (hashes[:, None] != hashes[None]).sum(axis=2)
    expected = [(i, j) for i in range(300) for j in range(i + 1, 300) if distance[i, j] <= MOST_BITS]
    assert 50 < len(expected) < 150
    assert near_pairs(looks) == expected


@pytest.mark.parametrize("number", [0, 1, 2])
def test_few_or_no_images_have_no_pair(number):
    assert near_pairs([looks_of(picture(seed)) for seed in range(number)]) == []


def test_a_smaller_and_brighter_copy_is_near_and_another_picture_is_not():
    first = picture(1, 120, 90)
    copy = np.clip(picture(1, 60, 45).astype(float) * 0.9 + 15, 0, 255).astype(np.uint8)
    assert near_pairs([looks_of(first), looks_of(picture(2)), looks_of(copy)]) == [(0, 2)]


def test_plain_grounds_of_different_brightness_are_no_pair():
    plain = [np.full((40, 40, 3), grey, np.uint8) for grey in (10, 12, 200)]
    assert near_pairs([looks_of(image) for image in plain]) == [(0, 1)]


def test_very_many_equal_looks_stay_linear():
    looks = [looks_of(np.full((9, 9, 3), 50, np.uint8))] * 400
    assert len(near_pairs(looks)) <= 400 * WINDOW
