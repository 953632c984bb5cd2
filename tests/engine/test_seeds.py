import random

import numpy as np
import torch

from lowres.engine.seeds import seed_evaluation, seed_step


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def after(*words, seed_by=seed_step):
    seed_by(*words)
    return draws()


def test_the_same_step_draws_the_same():
    assert after(1, 2, 0, 0) == after(1, 2, 0, 0)


def test_seed_step_rank_and_micro_step_each_matter_to_every_generator():
    runs = [after(1, 2, 0, 0), after(2, 2, 0, 0), after(1, 3, 0, 0), after(1, 2, 1, 0), after(1, 2, 0, 1)]
    runs.append(after(1, 2, seed_by=seed_evaluation))
    for values in zip(*runs):
        assert len(set(values)) == len(runs)
