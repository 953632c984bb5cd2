"""A model and a data set must mean the same by a label."""

from pathlib import Path

from lowres.data.truth import class_names
from lowres.models.artifact import ModelSpec


def require_same_classes(spec: ModelSpec, folder: Path, split: Path) -> None:
    """ValueError where the model in `folder` knows other classes than the split, or the same in another order."""
    known, present = spec.class_names, class_names(split)
    if known == present:
        return
    odd = sorted(set(known) ^ set(present))
    what = f"{odd[0]!r} is in one alone" if odd else "their order differs"
    raise ValueError(
        f"{folder}: the model knows {len(known)} classes, the data in {split} has {len(present)}, and {what}; "
        "train it on these data (`dvc repro` runs what is needed)"
    )
