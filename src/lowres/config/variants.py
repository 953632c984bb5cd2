"""Variants of one experiment for a sweep: another down-sampler, another seed, all else equal."""

import copy
from collections.abc import Mapping
from typing import Any, get_args

from lowres.config.downsampler import FixedDownsampler

FIXED = get_args(FixedDownsampler.model_fields["kind"].annotation)


def variant_of(values: Mapping[str, Any], *, kind: str, seed: int) -> dict[str, Any]:
    """Values of a params file with a down-sampler of this kind and this seed for it and for the student.

    The ratio stays; the teacher too, so that all variants share it. The kind that the file has keeps its section.

    Raises:
        ValueError: a kind that the file describes no options for, such as `learned` where it has `bicubic`.
    """
    changed = copy.deepcopy(dict(values))
    section, train = changed["downsampler"], changed["distill"]["train"]
    if kind != section["kind"]:
        if kind not in FIXED:
            known = ", ".join(dict.fromkeys([section["kind"], *FIXED]))
            raise ValueError(f"downsampler kind {kind!r}: the params file has no options for it; use one of {known}")
        changed["downsampler"] = section = {
            "kind": kind,
            "ratio": section["ratio"],
            "options": {},
            "terms": {},
            "train": None,
        }
        groups = train["optimiser"]["groups"]
        train["optimiser"]["groups"] = [group for group in groups if "downsampler" not in group["match"]]
    if section["train"] is not None:
        section["train"]["seed"] = seed
    train["seed"] = seed
    return changed
