"""Variants of one experiment for a sweep: another down-sampler, another seed, all else equal."""

import copy
import re
from collections.abc import Mapping
from typing import Any, get_args

from lowres.config.downsampler import FixedDownsampler

FIXED = get_args(FixedDownsampler.model_fields["kind"].annotation)


def variant_of(values: Mapping[str, Any], *, kind: str, seed: int) -> dict[str, Any]:
    """Values of a params file with a down-sampler of this kind and this seed for it and for the student.

    The ratio stays; the teacher too, so that all variants share it. The kind that the file has keeps its section.

    Raises:
        ValueError: a kind that the file describes no options for, such as `learned` where it has `bicubic`; a group of
            parameters that holds the down-sampler's and others.
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
        changed["distill"]["train_downsampler"] = False
        train["optimiser"]["groups"] = [
            group for group in train["optimiser"]["groups"] if not _is_its_own(group["match"])
        ]
    if section["train"] is not None:
        section["train"]["seed"] = seed
    train["seed"] = seed
    return changed


def _is_its_own(match: str) -> bool:
    """Whether a group of parameters is the down-sampler's alone, and goes with it."""
    found = re.search(match, "downsampler.layers.0.weight") is not None
    if found and any(re.search(match, name) for name in ("network.backbone.weight", "network.decoder.norm.bias")):
        raise ValueError(
            f"distill.train.optimiser.groups: {match!r} holds the down-sampler and more; give it a group of its "
            "own, which goes where the down-sampler learns nothing"
        )
    return found
