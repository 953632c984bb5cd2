"""Batches of a run: step s determines its samples, whatever the number of workers, ranks or interruptions.

The run is one endless stream of samples: epoch after epoch, each a permutation drawn from (seed, epoch). Step s takes
positions s*B to (s+1)*B of it, B being the global batch. Nothing is dropped: a batch that begins near the end of an
epoch goes on into the next one. Rank r of W takes the r-th of W equal slices. Workers hold no state; starting at a
later step costs nothing and needs no replay.

For gradient accumulation over m micro-batches, count micro-batches as steps: the same samples, m at a time.
"""

import functools
import os
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from lowres.data.collate import Collate, unpack
from lowres.data.dataset import DetectionDataset, SampleKey
from lowres.records import Batch

_ORDER, _SIDE = 1, 2  # spawn keys: streams apart from those of the samples, default_rng([seed, epoch, position])


class TrainBatches:
    """The training batches of one rank, as pairs (step, Batch) from `start_step` to `stop_step` (endless where None).

    `short_sides_px`, where given, trains at several scales: each step draws one for its whole batch, on all ranks.
    Padding is to the largest image of the *rank's* slice unless `canvas_wh_px` fixes it.

    Raises:
        ValueError: a batch that ranks cannot share equally, a canvas that is no multiple of `size_divisor`.
    """

    def __init__(
        self,
        dataset: DetectionDataset,
        *,
        batch_size: int,
        seed: int,
        size_divisor: int,
        canvas_wh_px: tuple[int, int] | None = None,
        short_sides_px: Sequence[int] | None = None,
        num_workers: int = 0,
        prefetch_factor: int = 2,
        pin_memory: bool = False,
        rank: int = 0,
        world_size: int = 1,
        start_step: int = 0,
        stop_step: int | None = None,
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"batch_size is {batch_size}; it must be a positive multiple of the {world_size} processes"
            )
        _check_canvas(canvas_wh_px, size_divisor)
        self._dataset = dataset
        self._batch_size = batch_size
        self._seed = seed
        self._short_sides_px = tuple(short_sides_px or ())
        self._rank, self._world_size = rank, world_size
        self._start_step, self._stop_step = start_step, stop_step
        self._collate = Collate(size_divisor=size_divisor, canvas_wh_px=canvas_wh_px)
        self._num_workers, self._prefetch_factor, self._pin_memory = num_workers, prefetch_factor, pin_memory

    @property
    def steps_per_epoch(self) -> float:
        """Steps in one pass over the data, not rounded."""
        return len(self._dataset) / self._batch_size

    def epoch_of(self, step: int) -> int:
        """The epoch of the first sample of a step."""
        return step * self._batch_size // len(self._dataset)

    def keys(self, step: int) -> list[SampleKey]:
        """The samples of a step on this rank."""
        side = None
        if self._short_sides_px:
            rng = np.random.default_rng(np.random.SeedSequence([self._seed, step], spawn_key=(_SIDE,)))
            side = self._short_sides_px[rng.integers(len(self._short_sides_px))]
        share = self._batch_size // self._world_size
        first = step * self._batch_size + self._rank * share
        keys = []
        for position in range(first, first + share):
            epoch, place = divmod(position, len(self._dataset))
            keys.append(SampleKey(epoch, int(_permutation(self._seed, epoch, len(self._dataset))[place]), side))
        return keys

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        """Batches from the start step on."""
        loader = _loader(
            self._dataset,
            _Steps(self),
            self._collate,
            num_workers=self._num_workers,
            prefetch_factor=self._prefetch_factor,
            pin_memory=self._pin_memory,
            persistent_workers=False,  # one iteration lasts the whole run
        )
        for step, packed in enumerate(loader, start=self._start_step):
            yield step, unpack(packed)


class EvalBatches:
    """Every image once, in the order of the split; rank r of W takes images r, r + W, ...

    Worker processes live as long as this object. The dataset's transforms should hold nothing random; were they to,
    the augmentation would be that of epoch 0.

    Raises:
        ValueError: a canvas that is no multiple of `size_divisor`, an impossible batch size.
    """

    def __init__(
        self,
        dataset: DetectionDataset,
        *,
        batch_size: int,
        size_divisor: int,
        canvas_wh_px: tuple[int, int] | None = None,
        num_workers: int = 0,
        prefetch_factor: int = 2,
        pin_memory: bool = False,
        rank: int = 0,
        world_size: int = 1,
        limit: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        _check_canvas(canvas_wh_px, size_divisor)
        count = len(dataset) if limit is None else min(limit, len(dataset))
        mine = range(rank, count, world_size)
        self._batches = [
            [SampleKey(0, index) for index in mine[i : i + batch_size]] for i in range(0, len(mine), batch_size)
        ]
        self._loader = _loader(
            dataset,
            self._batches,
            Collate(size_divisor=size_divisor, canvas_wh_px=canvas_wh_px),
            num_workers=num_workers,
            prefetch_factor=prefetch_factor,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
        )

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        """The batches in order."""
        for packed in self._loader:
            yield unpack(packed)


class _Steps:
    """The keys of one step after another, for DataLoader."""

    def __init__(self, batches: TrainBatches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[list[SampleKey]]:
        step, stop = self._batches._start_step, self._batches._stop_step
        while stop is None or step < stop:
            yield self._batches.keys(step)
            step += 1


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng(np.random.SeedSequence([seed, epoch], spawn_key=(_ORDER,))).permutation(count)


def _check_canvas(canvas_wh_px: tuple[int, int] | None, size_divisor: int) -> None:
    if size_divisor < 1:
        raise ValueError(f"size_divisor is {size_divisor}; it must be at least 1")
    if canvas_wh_px is not None and any(side < 1 or side % size_divisor for side in canvas_wh_px):
        raise ValueError(f"canvas_wh_px is {canvas_wh_px}; both sides must be multiples of size_divisor {size_divisor}")


def _loader(
    dataset: DetectionDataset,
    batches: object,
    collate: Collate,
    *,
    num_workers: int,
    prefetch_factor: int,
    pin_memory: bool,
    persistent_workers: bool,
) -> DataLoader:
    return DataLoader(
        dataset,
        batch_sampler=batches,  # pyright: ignore[reportArgumentType]  # any iterable of lists of keys
        collate_fn=collate,
        num_workers=num_workers,
        prefetch_factor=prefetch_factor if num_workers else None,
        pin_memory=pin_memory and torch.cuda.is_available(),
        persistent_workers=persistent_workers,
        worker_init_fn=_start_worker,
        generator=torch.Generator(),  # its own, so that making a loader draws nothing from the global one
    )


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # one image per worker at a time; a pool inherited over fork would hang
    # Ctrl-C and `timeout` signal the whole group. Stopping is the parent's to decide: a worker that died first would
    # make it fail in the middle of saving its checkpoint. So workers leave the group; they end when the parent tells
    # them, and within 5 s of its death.
    os.setpgid(0, 0)
