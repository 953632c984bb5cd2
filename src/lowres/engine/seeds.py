"""Randomness as a pure function of where a run stands, so that a resume replays no generator.

At the start of every step the generators of Python, NumPy and PyTorch (all devices) are seeded from (seed, step,
rank, micro-step). Equality from bit to bit holds on CPU with the same number of threads: another count sums in
another order.
"""

import random

import numpy as np
import torch

_TRAINING, _EVALUATION = 0, 1


def seed_step(seed: int, step: int, rank: int = 0, micro_step: int = 0) -> None:
    """Seed all global generators for one forward and backward pass; all arguments are non-negative."""
    _seed_all([seed, _TRAINING, step, rank, micro_step])


def seed_evaluation(seed: int, step: int) -> None:
    """Seed all global generators for the evaluation after `step` optimiser steps, in a stream of its own."""
    _seed_all([seed, _EVALUATION, step])


def _seed_all(words: list[int]) -> None:
    state = np.random.SeedSequence(words).generate_state(3)
    random.seed(int(state[0]))
    np.random.seed(int(state[1]))  # noqa: NPY002 - libraries that draw from NumPy's global generator
    torch.manual_seed(int(state[2]))
