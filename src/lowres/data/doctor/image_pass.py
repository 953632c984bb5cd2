"""The one pass over all images: on all cores, in bounded memory.

Threads do, since both decoders let go of the interpreter while they work. As many images are decoded side by side as
the memory of the largest allowed one is enough for, so that a folder of almost-bombs costs the memory of one.
"""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lowres.data.doctor.image_checks import ImageFacts, inspect_image
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout
from lowres.data.image_archives import MAX_FILE_BYTES
from lowres.data.images import MAX_DECODING_BYTES, memory_to_decode
from lowres.data.in_order import map_in_order
from lowres.data.memory_budget import MemoryBudget

_HEAD_BYTES = 1 << 16
_SMALL_BYTES = 4_000_000
_MOST_THREADS = 16


@dataclass(frozen=True, slots=True)
class _Job:
    split: int
    image: int


def num_images(layout: Layout) -> int:
    """Files that the pass will open."""
    return len(_jobs(layout))


def examine_images(
    layout: Layout,
    *,
    min_side_px: int,
    max_pixels: float,
    threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[list[ImageFacts | None]]:
    """Facts of each image of each split; None where there is no file. `threads` is the number of cores without it."""
    facts: list[list[ImageFacts | None]] = [[None] * len(split.images) for split in layout.splits]
    budget = MemoryBudget(MAX_DECODING_BYTES)

    def inspect(job: _Job) -> ImageFacts:
        split = layout.splits[job.split]
        name = split.images[job.image].key
        assert split.files is not None
        assert name is not None
        size = split.files.sizes[split.files.full_name(name) or name]
        if size > MAX_FILE_BYTES:
            return ImageFacts(None, (("file_too_large", f"{size} bytes, {MAX_FILE_BYTES} are allowed"),))
        files = split.files

        def look() -> ImageFacts:
            try:
                encoded = files.read(name)
            except (ValueError, OSError) as error:
                return ImageFacts(None, (("cannot_be_read", str(error)),))
            return inspect_image(
                encoded, name=name, min_side_px=min_side_px, max_pixels=max_pixels, upright=layout.labelled
            )

        wanted = _bytes_to_take(files, name, size)
        with budget.taken(wanted):
            # Of these there are never two at a time; one thread for all, because malloc keeps some memory for each.
            return largest.submit(look).result() if wanted > MAX_DECODING_BYTES / 2 else look()

    threads = threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    with warnings.catch_warnings(), ThreadPoolExecutor(1) as largest, ThreadPoolExecutor(threads) as pool:
        warnings.filterwarnings("ignore", module="PIL")  # remarks on metadata and sizes, which are ours to judge
        results = map_in_order(pool, inspect, _jobs(layout), ahead=4 * threads)
        for done, (job, found) in enumerate(results, start=1):
            facts[job.split][job.image] = found
            on_progress(done)
    return facts


def _bytes_to_take(files: Listing, name: str, size_bytes: int) -> int:
    """Of the file and of what decoding it takes; all there are where a large file's first bytes do not tell."""
    try:
        needed = memory_to_decode(files.files.head(name, _HEAD_BYTES))
        if needed is None and size_bytes <= _SMALL_BYTES:  # metadata stand before the size, or a TIFF has it at its end
            needed = memory_to_decode(files.read(name)) or 0
    except (ValueError, OSError):
        return 0  # nor can the whole be read
    return size_bytes + (MAX_DECODING_BYTES if needed is None else needed)


def _jobs(layout: Layout) -> list[_Job]:
    return [
        _Job(number, position)
        for number, split in enumerate(layout.splits)
        for position, image in enumerate(split.images)
        if split.files is not None and image.key is not None and split.files.full_name(image.key) is not None
    ]
