"""The weighted sum of a task's loss terms; the keys of terms and weights must be the same."""

import difflib
from collections.abc import Mapping

import torch
from torch import Tensor


def check_keys(terms: Mapping[str, object], weights: Mapping[str, float]) -> None:
    """Refuse a term without weight and a weight without term.

    Raises:
        ValueError: it names the key and the nearest one of the other side.
    """
    for key in weights:
        if key not in terms:
            raise ValueError(f"loss weight {key!r} belongs to no term of the task{_nearest(key, terms)}")
    for key in terms:
        if key not in weights:
            raise ValueError(f"loss term {key!r} has no weight (0 switches it off){_nearest(key, weights)}")


def weighted_total(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum of weight times term, in float32, in the order of the weights; each term is a scalar."""
    for name, term in terms.items():
        assert term.ndim == 0, f"loss term {name} has shape {tuple(term.shape)}, not that of a scalar"
    return torch.stack([terms[key].float() * weight for key, weight in weights.items()]).sum()


def _nearest(key: str, others: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, list(others), n=1, cutoff=0.0)
    return f"; nearest: {near[0]!r} of {', '.join(sorted(others))}" if near else "; there are none on the other side"
