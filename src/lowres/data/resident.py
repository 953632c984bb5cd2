"""A whole split in memory as one tensor, and batches cut from it with no Python per image: for small images.

A data loader spends more time on a 32 px image than a network does. Here a batch is an index into uint8 pixels that
lie on the training device; random crop and flip are two index arrays. Batch k is a function of (seed, k) alone, as in
`loader.py`: the same samples whatever the number of ranks or interruptions.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lowres.data.images import decode_upright
from lowres.data.shards import ShardReader
from lowres.data.stretch import stretched
from lowres.data.truth import class_names, load_truth
from lowres.records import LabelledImages

MAX_BYTES = 8e9
_ORDER, _AUGMENT = 1, 2  # spawn keys of the two streams of draws


@dataclass(frozen=True)
class ResidentSplit:
    """Every image of a split at one size: `pixels` uint8 [n, 3, side, side] RGB, `labels` int64 [n]."""

    pixels: Tensor
    labels: Tensor
    image_ids: Tensor
    class_names: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "ResidentSplit":
        """The same split on a device."""
        return ResidentSplit(self.pixels.to(device), self.labels.to(device), self.image_ids, self.class_names)


def load_resident(folder: Path, *, side_px: int, verify: bool = True, threads: int = 2) -> ResidentSplit:
    """Decode a prepared split, each image turned as its EXIF data say, and stretched to `side_px` if of another size.

    Raises:
        ValueError: the folder is not prepared or damaged, an image has not exactly one object, or the split would take
            over 8 GB.
    """
    reader = ShardReader(folder, verify=verify)
    truth = load_truth(folder)
    odd = next((image for image in truth if len(image.labels) != 1), None)
    if odd is not None:
        raise ValueError(
            f"{folder}: image {odd.image_id} has {len(odd.labels)} objects; a classifier learns from images of one "
            "class each: use a classification source, or crops of the objects"
        )
    size = len(reader) * 3 * side_px**2
    if size > MAX_BYTES:
        raise ValueError(
            f"{folder}: {len(reader)} images of {side_px} px take {size / 1e9:.1f} GB of memory; 8 are allowed"
        )
    pixels = np.empty((len(reader), 3, side_px, side_px), np.uint8)

    def decode(position: int) -> None:
        pixels[position] = stretched(decode_upright(reader[position]), side_px).transpose(2, 0, 1)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(decode, range(len(reader)), chunksize=256))
    return ResidentSplit(
        pixels=torch.from_numpy(pixels),
        labels=torch.tensor([int(image.labels[0]) for image in truth]),
        image_ids=torch.from_numpy(np.asarray(reader.ids, np.int64)),
        class_names=class_names(folder),
    )


@dataclass(frozen=True, kw_only=True)
class ResidentBatches:
    """Endless training batches of one rank from a resident split, on the split's device.

    `pad_crop_px` pads each side with black and cuts a window of the old size at random (arXiv:1512.03385, section
    4.2); images are mirrored with `flip_probability`.

    Raises:
        ValueError: a batch that the ranks cannot share equally.
    """

    split: ResidentSplit
    batch_size: int
    seed: int
    pad_crop_px: int = 0
    flip_probability: float = 0.0
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size is {self.batch_size}; it must be a positive multiple of the {self.world_size} processes"
            )

    def start(self, first: int) -> Iterator[LabelledImages]:
        """Batch `first` and those after it."""
        own = self.batch_size // self.world_size
        orders: dict[int, np.ndarray] = {}
        step = first
        while True:
            places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
            epochs, within = np.divmod(places, len(self.split))
            present = np.unique(epochs).tolist()  # one, or two where a batch goes on into the next
            orders = {epoch: orders[epoch] if epoch in orders else self._order(epoch) for epoch in present}
            chosen = np.empty(self.batch_size, np.int64)
            for epoch in present:
                chosen[epochs == epoch] = orders[epoch][within[epochs == epoch]]
            draws = np.random.default_rng([self.seed, _AUGMENT, step]).random((3, self.batch_size), np.float32)
            mine = slice(self.rank * own, (self.rank + 1) * own)
            yield self._cut(torch.from_numpy(chosen[mine]), torch.from_numpy(draws[:, mine]))
            step += 1

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.split))

    def _cut(self, chosen: Tensor, draws: Tensor) -> LabelledImages:
        device = self.split.pixels.device
        index, draws = chosen.to(device), draws.to(device)
        pixels = self.split.pixels[index]
        pad, side = self.pad_crop_px, pixels.shape[-1]
        if pad or self.flip_probability:
            pixels = F.pad(pixels, (pad, pad, pad, pad))
            steps = torch.arange(side, device=device)
            offsets = (draws[:2] * (2 * pad + 1)).long().clamp(max=2 * pad)
            flipped = (draws[2] < self.flip_probability)[:, None]
            rows = offsets[0][:, None] + steps
            columns = offsets[1][:, None] + torch.where(flipped, side - 1 - steps, steps)
            images = torch.arange(len(index), device=device)[:, None, None]
            # The channel stays a slice between index arrays, so it comes last; then images are channels-first again.
            pixels = pixels.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        return LabelledImages(
            pixels=pixels.float().div_(255), labels=self.split.labels[index], image_ids=self.split.image_ids[chosen]
        )


def evaluation_batches(split: ResidentSplit, *, batch_size: int) -> Iterator[LabelledImages]:
    """Every image once, in order, as stored."""
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        yield LabelledImages(
            pixels=split.pixels[part].float().div_(255), labels=split.labels[part], image_ids=split.image_ids[part]
        )
