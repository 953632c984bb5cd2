"""A model must be of the task in force, read images of its sizes, and mean the same by a label as the data set."""

from pathlib import Path

from lowres.config.data import Input
from lowres.data.truth import class_names
from lowres.models.artifact import ModelSpec


def require_fit(spec: ModelSpec, folder: Path, *, task: str, sizing: Input, split: Path) -> None:
    """ValueError where the model in `folder` is of another task, was trained at other sizes, or knows other classes."""
    if spec.task != task:
        raise ValueError(
            f"{folder}: a model for {spec.task}, params.yaml says task: {task}; train it anew (`dvc repro` runs what "
            "is needed)"
        )
    differ = [name for name, value in sizing if spec.input.get(name) != value]
    if differ:
        name = differ[0]
        raise ValueError(
            f"{folder}: trained with {name} {spec.input.get(name)}, params.yaml says data.input.{name}: "
            f"{getattr(sizing, name)}; train it anew (`dvc repro` runs what is needed), or put the old value back"
        )
    require_same_classes(spec, folder, split)


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
