"""Several processes under torchrun: gloo on CPU, NCCL on CUDA (with gloo beside it for flags and counts on the CPU).

Rank 0 alone writes files and evaluates; all ranks read the same checkpoint, so the folder must be shared between nodes.
"""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# Gloo's threads may need the interpreter's lock to free their last tensor, so it matters who drops the group and when.
# DDP's reducer joins them with the lock held: the rank hangs. While the interpreter is torn down a thread that asks for
# the lock aborts the process (github.com/pytorch/pytorch/issues/190489). Dropped from Python, they are joined without
# the lock: so we hold the group longest, and drop it before that.
_joined: list[dist.ProcessGroup] = []


@dataclass(frozen=True)
class Ranks:
    """One process among all of a run."""

    rank: int
    world: int

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and evaluates."""
        return self.rank == 0


@contextmanager
def process_group(device: str, *, timeout_minutes: float = 120.0) -> Iterator[torch.device]:
    """Join the processes of torchrun, where there are several, and give this one's device.

    `device` is `cpu` or `cuda`; with CUDA the local rank chooses the card. `timeout_minutes` must exceed the longest
    evaluation, for which the other ranks wait.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield torch.device(device)
        return
    # Imported by DDP otherwise, when its functions' default arguments would hold the group until the process is gone.
    importlib.import_module("torch.distributed.nn.functional")
    own = torch.device(device)
    if own.type == "cuda":
        own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(own)
    backend = "cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=timeout_minutes))
    group = dist.group.WORLD
    assert group is not None
    if not _joined:
        atexit.register(_join_threads)
    _joined.append(group)
    try:
        yield own
    finally:
        dist.destroy_process_group()


def _join_threads() -> None:
    # The frames of an error that ended the process, printed by now, and cycles hold reducers.
    for name in ("last_traceback", "last_value", "last_exc"):
        sys.__dict__.pop(name, None)
    gc.collect()
    _joined.clear()


def current_ranks() -> Ranks:
    """Rank 0 of 1 without a process group."""
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks(rank=0, world=1)
    return Ranks(rank=dist.get_rank(), world=dist.get_world_size())


def wrap(task: nn.Module, ranks: Ranks) -> nn.Module:
    """The task as DistributedDataParallel where there are several ranks.

    On CUDA batch norms take their statistics over all ranks; on CPU, where PyTorch has no such layer, over each
    rank's own images.
    """
    if ranks.world == 1:
        return task
    if next(task.parameters()).is_cuda:
        task = nn.SyncBatchNorm.convert_sync_batchnorm(task)
    return DistributedDataParallel(task, forward_sync_buffers=False, gradient_as_bucket_view=True)


def no_sync(runner: nn.Module, *, unless: bool) -> AbstractContextManager[None]:
    """Leave the gradients of this backward pass on their ranks, `unless` it is the last of an accumulation."""
    return runner.no_sync() if isinstance(runner, DistributedDataParallel) and not unless else nullcontext()


def touch(parameters: list[nn.Parameter], ranks: Ranks) -> Tensor | float:
    """A zero that depends on every parameter: a rank whose images hold no target would hang the others without it."""
    if ranks.world == 1:
        return 0.0
    return 0.0 * torch.stack([parameter.sum() for parameter in parameters]).sum()


def gather_rows(values: list[float], ranks: Ranks) -> list[list[float]]:
    """Every rank's `values`, which have the same length, in the order of ranks."""
    if ranks.world == 1:
        return [values]
    row = torch.tensor(values, dtype=torch.float64)
    rows = [torch.empty_like(row) for _ in range(ranks.world)]
    dist.all_gather(rows, row)
    return [row.tolist() for row in rows]


def from_main(value: Any, ranks: Ranks) -> Any:
    """Rank 0's `value`, on every rank; any picklable object."""
    if ranks.world == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]
