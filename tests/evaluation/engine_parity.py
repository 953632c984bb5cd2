"""Hold both engines against pycocotools on random COCO files, which it reads itself; every entry of precision and
recall counts.

    python -m tests.evaluation.engine_parity --sets 1000

Prints the largest difference, and exits with 1 where it is over 1e-9. `--first` begins with another seed.
"""

import argparse
import math
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tests.evaluation.random_sets import random_set
from tests.evaluation.raw_documents import evaluated_documents, random_documents

from lowres.evaluation.coco import COCO_AREA_RANGES, THUMBNAIL_BINS_PX
from lowres.evaluation.fast_tables import hotcoco_tables, hotcoco_version
from lowres.evaluation.matching import SizeRange, accumulate, match

TOLERANCE = 1e-9


def largest_difference(seed: int, folder: Path) -> float:
    """Over both engines, all thresholds, recall points, classes, ranges of area and of long side, and limits.

    The set's two files are written into the folder.
    """
    case, documents = random_set(seed), random_documents(seed)
    truth, detections = documents.records(folder)
    limits = sorted({min(limit, case.max_detections) for limit in (1, 10, 100)} | {case.max_detections})
    edges = [edge * case.thumbnail_ratio for edge in THUMBNAIL_BINS_PX]
    bins = [SizeRange("long_side", low, math.nextafter(high, 0.0)) for low, high in pairwise(edges)]
    areas = list(COCO_AREA_RANGES.values())
    arguments = {"num_classes": case.num_classes, "ranges": [*areas, *bins], "input_scale": case.input_scale}
    matches = match(truth, detections, max_detections=case.max_detections, **arguments)
    engines = accumulate(matches, limits=limits), hotcoco_tables(truth, detections, limits=limits, **arguments)
    sizes = {image["id"]: (image["width"], image["height"]) for image in documents.instances["images"]}

    def long_side(entry: dict[str, Any]) -> float:
        scale = (1.0, 1.0) if case.input_scale is None else case.input_scale(*sizes[entry["image_id"]])
        return max(entry["bbox"][2] * scale[0], entry["bbox"][3] * scale[1])

    by_area = evaluated_documents(documents, ranges=_bounds(areas), limits=limits).eval
    by_side = evaluated_documents(documents, ranges=_bounds(bins), limits=limits[-1:], size_of=long_side).eval
    split = len(areas)
    return max(
        float(np.abs(part - reference).max())
        for tables in engines
        for part, reference in (
            (tables.precision[:, :, :, :split], by_area["precision"]),
            (tables.recall[:, :, :split], by_area["recall"]),
            (tables.precision[:, :, :, split:, -1:], by_side["precision"]),
            (tables.recall[:, :, split:, -1:], by_side["recall"]),
        )
    )


def _bounds(ranges: list[SizeRange]) -> list[list[float]]:
    return [[size_range.low, size_range.high] for size_range in ranges]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    largest, objects, found = 0.0, 0, 0
    for done, seed in enumerate(range(options.first, options.first + options.sets), start=1):
        with tempfile.TemporaryDirectory() as folder:
            difference = largest_difference(seed, Path(folder))
        if difference > TOLERANCE:
            print(f"set {seed}: differs by {difference:g}", flush=True)
        largest = max(largest, difference)
        documents = random_documents(seed)
        objects += len(documents.instances["annotations"])
        found += len(documents.results)
        if done % 50 == 0 or done == options.sets:
            print(f"{done} sets, {objects} objects, {found} detections: largest difference {largest:g}", flush=True)
    told = "differ from" if largest > TOLERANCE else "equal"
    print(f"our matching and {hotcoco_version()} {told} pycocotools to {TOLERANCE:g}")
    return int(largest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
