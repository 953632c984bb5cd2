"""A validation split for data sets that come as train and test only: some of the train images, the same every time.

Every class gives equally many, whatever its size, so that a validation accuracy is the mean over the classes. The
images of a class are ordered by a permutation of (seed, class) alone: asking for more keeps those already held out.
"""

import numpy as np

SPLITS = ("train", "val", "test")


def stored_part(split: str) -> str:
    """The part of the data set, 'train' or 'test', that holds the images of `split`.

    Raises:
        ValueError: `split` is none of train, val and test.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; it is one of {', '.join(SPLITS)}")
    return "test" if split == "test" else "train"


def split_positions(labels: np.ndarray, *, split: str, num_val: int, seed: int, name: str) -> np.ndarray:
    """Positions of the split's images, ascending, among those of its stored part, whose `labels` these are.

    `num_val` images are held out of train as val; where the classes cannot give equally many, those of the lowest
    labels give one more. Test is not split. `name` is how messages call the data set.

    Raises:
        ValueError: an unknown split, a negative number, val asked for with none held out, or a class too small to
            give its share and keep an image to train on.
    """
    stored_part(split)
    for key, value in (("num_val", num_val), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name}: {key} is {value}; it must be 0 or more")
    everything = np.arange(len(labels))
    if split == "test":
        return everything
    if split == "val" and num_val == 0:
        raise ValueError(f"{name}: num_val is 0, which leaves split 'val' empty; hold out some images of train")
    classes = np.unique(labels)
    held_out = np.zeros(len(labels), bool)
    for rank, label in enumerate(classes.tolist()):
        members = np.flatnonzero(labels == label)
        share = num_val // len(classes) + (rank < num_val % len(classes))
        if share and share >= len(members):
            raise ValueError(
                f"{name}: num_val is {num_val}, which takes {share} images of label {label}, but train has "
                f"{len(members)} of it; lower num_val"
            )
        held_out[np.random.default_rng([seed, label]).permutation(members)[:share]] = True
    return everything[held_out if split == "val" else ~held_out]
