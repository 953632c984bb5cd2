"""The one pass over all images: on all cores, in bounded memory.

Threads do, since both decoders let go of the interpreter while they work. Small images are decoded side by side; of
large ones one at a time, so that a folder of almost-bombs costs the memory of one.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lowres.data.doctor.image_checks import ImageFacts, header_px, inspect_image
from lowres.data.doctor.loose import Layout
from lowres.data.image_archives import MAX_FILE_BYTES
from lowres.data.in_order import map_in_order

_LARGE_BYTES = 4_000_000
_LARGE_PX = 4_000_000
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
    one_at_a_time = threading.Lock()

    def inspect(job: _Job) -> ImageFacts:
        split = layout.splits[job.split]
        name = split.images[job.image].key
        assert split.files is not None
        assert name is not None
        size = split.files.sizes[split.files.full_name(name) or name]
        if size > MAX_FILE_BYTES:
            return ImageFacts(None, (("file_too_large", f"{size} bytes, {MAX_FILE_BYTES} are allowed"),))

        def look(encoded: bytes) -> ImageFacts:
            return inspect_image(
                encoded, name=name, min_side_px=min_side_px, max_pixels=max_pixels, upright=layout.labelled
            )

        try:
            if size > _LARGE_BYTES:
                with one_at_a_time:
                    return look(split.files.read(name))
            encoded = split.files.read(name)
        except (ValueError, OSError) as error:
            return ImageFacts(None, (("cannot_be_read", str(error)),))
        if header_px(encoded) > _LARGE_PX:
            with one_at_a_time:
                return look(encoded)
        return look(encoded)

    threads = threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(threads) as pool:
        results = map_in_order(pool, inspect, _jobs(layout), ahead=4 * threads)
        for done, (job, found) in enumerate(results, start=1):
            facts[job.split][job.image] = found
            on_progress(done)
    return facts


def _jobs(layout: Layout) -> list[_Job]:
    return [
        _Job(number, position)
        for number, split in enumerate(layout.splits)
        for position, image in enumerate(split.images)
        if split.files is not None and image.key is not None and split.files.full_name(image.key) is not None
    ]
