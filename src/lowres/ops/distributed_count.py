"""Counts over all ranks, so that a loss divided by a number of objects is that of one process with the whole batch.

DistributedDataParallel averages gradients over ranks. With S_r the sum of a rank's losses and n_r its objects, the
mean over ranks of S_r / (n / world) is S / n; the mean of S_r / n_r is not.
"""

import torch
import torch.distributed as dist


def global_mean_count(n_local: float | int) -> float:
    """The mean of `n_local` over ranks; `n_local` itself without a process group.

    A collective: every rank must call it the same number of times in a step, also a rank with no objects. Turn a loss
    that was divided by max(n_local, 1) into the whole batch's with the factor max(n_local, 1) /
    max(global_mean_count(n_local), 1 / world); `global_count_factor` is that factor.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return float(n_local)
    total = torch.tensor(float(n_local), dtype=torch.float64)
    dist.all_reduce(total)
    return float(total) / dist.get_world_size()


def global_count_factor(n_local: float | int) -> float:
    """The factor for a loss divided by max(n_local, 1), so that the mean over ranks is divided by max(n, 1)."""
    world = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    return max(n_local, 1.0) / max(global_mean_count(n_local), 1.0 / world)
