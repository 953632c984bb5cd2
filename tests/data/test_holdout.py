import numpy as np
import pytest

from lowres.data.holdout import split_positions, stored_part

LABELS = np.array([0, 1, 0, 1, 2, 0, 2, 1, 0, 2, 0, 1])  # 5, 4 and 3 images


def held_out(num_val, *, split="val", seed=0, labels=LABELS):
    return split_positions(labels, split=split, num_val=num_val, seed=seed, name="set").tolist()


def test_train_and_val_share_no_image_and_miss_none():
    train, val = held_out(6, split="train"), held_out(6)
    assert sorted(train + val) == list(range(12))
    assert (train, val) == (sorted(train), sorted(val))


def test_every_class_gives_equally_many_whatever_its_size():
    assert np.bincount(LABELS[held_out(6)]).tolist() == [2, 2, 2]


def test_what_cannot_be_shared_evenly_comes_from_the_lowest_labels():
    assert np.bincount(LABELS[held_out(5)]).tolist() == [2, 2, 1]
    assert np.bincount(LABELS[held_out(1)]).tolist() == [1]


def test_same_seed_holds_out_the_same_images_and_another_seed_others():
    many = np.arange(1000) % 10
    assert held_out(100, labels=many, seed=3) == held_out(100, labels=many, seed=3)
    assert held_out(100, labels=many, seed=3) != held_out(100, labels=many, seed=4)


def test_asking_for_more_keeps_what_was_held_out():
    many = np.arange(1000) % 10
    assert set(held_out(50, labels=many)) < set(held_out(120, labels=many))


def test_with_none_held_out_train_is_everything():
    assert held_out(0, split="train") == list(range(12))


def test_test_is_never_split():
    assert held_out(6, split="test") == list(range(12))


def test_val_comes_from_the_stored_train_part():
    assert [stored_part(split) for split in ("train", "val", "test")] == ["train", "train", "test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_val": 0}, "set: num_val is 0, which leaves split 'val' empty; hold out some"),
        ({"num_val": -1}, "set: num_val is -1; it must be 0 or more"),
        ({"num_val": 6, "seed": -1}, "set: seed is -1; it must be 0 or more"),
        ({"num_val": 9}, "num_val is 9, which takes 3 images of label 2, but train has 3 of it; lower num_val"),
        ({"num_val": 6, "split": "dev"}, "split is 'dev'; it is one of train, val, test"),
    ],
)
def test_impossible_split_is_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        held_out(**arguments)
    assert "\n" not in str(caught.value)
