"""Hold hotcoco against pycocotools driven by hand on random data sets; every entry of precision and recall counts.

    python -m tests.evaluation.engine_parity --sets 1000

Prints the largest difference, and exits with 1 where it is over 1e-9. `--first` begins with another seed.
"""

import argparse
import math
import sys
from itertools import pairwise

import numpy as np
from tests.evaluation.pycocotools_by_hand import evaluated_by_hand
from tests.evaluation.random_sets import RandomSet, random_set

from lowres.evaluation.coco import COCO_AREA_RANGES, THUMBNAIL_BINS_PX
from lowres.evaluation.fast_tables import hotcoco_tables, hotcoco_version
from lowres.evaluation.matching import SizeRange

TOLERANCE = 1e-9


def largest_difference(case: RandomSet) -> float:
    """Over all thresholds, recall points, classes, ranges of area and of long side, and numbers of detections."""
    limits = sorted({min(limit, case.max_detections) for limit in (1, 10, 100)} | {case.max_detections})
    edges = [edge * case.thumbnail_ratio for edge in THUMBNAIL_BINS_PX]
    bins = [SizeRange("long_side", low, math.nextafter(high, 0.0)) for low, high in pairwise(edges)]
    areas = list(COCO_AREA_RANGES.values())
    arguments = {"truth": case.truth, "detections": case.detections, "num_classes": case.num_classes}
    ours = hotcoco_tables(**arguments, ranges=[*areas, *bins], limits=limits, input_scale=case.input_scale)

    def long_side(image, box_xywh):
        across, down = (1.0, 1.0) if case.input_scale is None else case.input_scale(image.width, image.height)
        return max(box_xywh[2] * across, box_xywh[3] * down)

    by_area = evaluated_by_hand(**arguments, ranges=_bounds(areas), limits=limits).eval
    by_side = evaluated_by_hand(**arguments, ranges=_bounds(bins), limits=limits[-1:], long_side=long_side).eval
    split = len(areas)
    return max(
        float(np.abs(part - reference).max())
        for part, reference in (
            (ours.precision[:, :, :, :split], by_area["precision"]),
            (ours.recall[:, :, :split], by_area["recall"]),
            (ours.precision[:, :, :, split:, -1:], by_side["precision"]),
            (ours.recall[:, :, split:, -1:], by_side["recall"]),
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
        case = random_set(seed)
        difference = largest_difference(case)
        if difference > TOLERANCE:
            print(f"set {seed}: differs by {difference:g}", flush=True)
        largest = max(largest, difference)
        objects += sum(len(image.labels) for image in case.truth)
        found += sum(len(image.labels) for image in case.detections)
        if done % 50 == 0 or done == options.sets:
            print(f"{done} sets, {objects} objects, {found} detections: largest difference {largest:g}", flush=True)
    print(f"{hotcoco_version()} {'differs from' if largest > TOLERANCE else 'equals'} pycocotools to {TOLERANCE:g}")
    return int(largest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
