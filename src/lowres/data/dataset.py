"""Samples of a packed split: each a pure function of seed, epoch and position, so that any worker may make any."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from lowres.data.images import decode_rgb
from lowres.data.shards import ShardReader
from lowres.data.transforms import Sample, Transform
from lowres.data.truth import class_names, load_truth


class SampleKey(NamedTuple):
    """Which sample: the pass over the data, the position in the split, and the short side where the step sets one."""

    epoch: int
    position: int
    short_side_px: int | None = None


class DetectionDataset(Dataset[Sample]):
    """Images and boxes of a split folder, transformed; crowd regions are left out (they are no single objects).

    `cache_bytes` keeps the decoded images in memory where all of them fit (`cached` tells); the results are the same.
    Boxes lie in flat arrays, because lists of many small objects would be copied by every forked worker.

    Raises:
        ValueError: the folder is not prepared or damaged.
    """

    def __init__(
        self, folder: Path, transforms: Transform, *, seed: int, verify: bool = True, cache_bytes: int = 0
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.class_names = class_names(folder)
        self._transforms = transforms
        self._reader = ShardReader(folder, verify=verify)
        truth = load_truth(folder)
        if [image.image_id for image in truth] != self._reader.ids.tolist():
            raise ValueError(f"{folder}: index.json and annotations.json list different images; prepare again")
        single = [~image.iscrowd for image in truth]
        self._boxes = np.concatenate([image.boxes_xyxy_px[keep] for image, keep in zip(truth, single, strict=True)])
        self._labels = np.concatenate([image.labels[keep] for image, keep in zip(truth, single, strict=True)])
        self._starts = np.cumsum([0, *(keep.sum() for keep in single)])
        self._pixel_starts = np.cumsum([0, *(3 * self._reader.sizes_wh_px.prod(axis=1))])
        self.cached = bool(self._pixel_starts[-1] <= cache_bytes)
        self._cache = self._decode_all() if self.cached else None

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, key: SampleKey) -> Sample:
        """The sample of a key: epoch, position and, optionally, the short side in pixels."""
        rng = np.random.default_rng([self.seed, key.epoch, key.position])
        return self._transforms(
            self.untouched(key.position),
            rng,
            another=lambda: self.untouched(int(rng.integers(len(self)))),
            short_side_px=key.short_side_px,
        )

    def untouched(self, index: int) -> Sample:
        """The image as stored, with its boxes; do not write into it."""
        objects = slice(self._starts[index], self._starts[index + 1])
        width, height = self._reader.sizes_wh_px[index].tolist()
        if self._cache is None:
            pixels = decode_rgb(self._reader[index])
        else:
            pixels = self._cache[self._pixel_starts[index] : self._pixel_starts[index + 1]].reshape(height, width, 3)
        return Sample(
            pixels=pixels,
            boxes_xyxy_px=self._boxes[objects],
            labels=self._labels[objects],
            image_id=int(self._reader.ids[index]),
            original_wh_px=(width, height),
        )

    def _decode_all(self) -> np.ndarray:
        """All pixels in one array, which forked workers share and which is read-only."""
        cache = np.empty(self._pixel_starts[-1], np.uint8)
        for index, (start, end) in enumerate(zip(self._pixel_starts[:-1], self._pixel_starts[1:], strict=True)):
            cache[start:end] = decode_rgb(self._reader[index]).reshape(-1)
        cache.flags.writeable = False
        return cache

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}  # a spawned worker decodes again rather than receiving gigabytes
