"""COCO's evaluation at the size of val2017: pycocotools driven by hand, our front on it, hotcoco, and the bootstrap.

    PYTHONPATH=. python benchmarks/coco_engines.py --output benchmarks/coco_engines-2026-01-31.json

5,000 synthetic images with 80 classes of uneven frequency, about 36,000 objects and 228,000 detections. One process,
one thread each (OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1). hotcoco must be installed
(`pip install 'lowres[fast]'`); every variant must give the same numbers to 1e-9, or nothing is written.
"""

import argparse
import os
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from tests.evaluation.pycocotools_by_hand import summary_by_hand
from timing import alternate, describe_machine, print_table, write_json

from lowres.evaluation.ap_resampling import ApStatistic, headline_intervals
from lowres.evaluation.bootstrap import value_of
from lowres.evaluation.coco import THUMBNAIL_BINS_PX, evaluate_detections, evaluate_matches, match_detections
from lowres.records import ImageDetections, ImageTruth

SUMMARY = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")


def scene(num_images: int, num_classes: int, *, seed: int = 0) -> tuple[list[ImageTruth], list[ImageDetections]]:
    """Objects as many per image as in COCO; for each up to four detections around it, the rest are false alarms."""
    rng = np.random.default_rng(seed)
    frequency = 1.0 / np.arange(1, num_classes + 1)
    frequency /= frequency.sum()
    truth, detections = [], []
    for image_id in range(1, num_images + 1):
        n = int(rng.geometric(1 / 8.3)) - 1
        boxes = _boxes(rng, n)
        labels = rng.choice(num_classes, n, p=frequency)
        sides = boxes[:, 2:] - boxes[:, :2]
        area = sides.prod(axis=1) * rng.uniform(0.5, 1.0, n)
        truth.append(ImageTruth(image_id, 640, 480, boxes, labels, rng.uniform(size=n) < 0.01, area))
        near = np.repeat(np.arange(n), rng.integers(0, 5, n))
        spread = np.tile(sides[near], 2) * rng.choice([0.02, 0.1, 0.3], (len(near), 1))
        others = _boxes(rng, int(rng.integers(15, 48)))
        found = np.concatenate([boxes[near] + rng.normal(0, 1, (len(near), 4)) * spread, others])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        scores = np.concatenate([rng.beta(2, 2, len(near)), rng.beta(1, 4, len(others))])
        found_labels = np.concatenate([labels[near], rng.choice(num_classes, len(others), p=frequency)])
        detections.append(ImageDetections(image_id, found, scores, found_labels))
    return truth, detections


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    sides = np.exp(rng.uniform(np.log(8), np.log(300), (count, 2)))
    corner = rng.uniform(0, 1, (count, 2)) * (640, 480)
    return np.concatenate([corner, corner + sides], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()

    truth, detections = scene(options.images, options.classes)
    names = [f"class {label}" for label in range(options.classes)]
    counts = {
        "images": len(truth),
        "classes": len(names),
        "objects": sum(len(image.labels) for image in truth),
        "detections": sum(len(image.labels) for image in detections),
    }
    print(counts)
    found: dict[str, list[float | None]] = {}

    def by_hand() -> None:
        found["pycocotools by hand"] = summary_by_hand(truth, detections, num_classes=len(names))

    def front(name: str, engine: Any) -> None:
        metrics = evaluate_detections(truth, detections, class_names=names, engine=engine)
        found[name] = [getattr(metrics, metric) for metric in SUMMARY]

    variants = {
        "pycocotools by hand": by_hand,
        "front, pycocotools": lambda: front("front, pycocotools", "pycocotools"),
        "front, hotcoco": lambda: front("front, hotcoco", "hotcoco"),
    }
    timings = alternate(variants, options.rounds)
    print_table("evaluation", timings)
    reference = found["pycocotools by hand"]
    differences = {name: _difference(values, reference) for name, values in found.items()}
    if max(differences.values()) > 1e-9:
        raise SystemExit(f"the engines disagree: {differences}")
    results = {
        "machine": describe_machine(int(os.environ.get("RAYON_NUM_THREADS", "0")) or (os.cpu_count() or 1)),
        "versions": {name: version(name) for name in ("numpy", "pycocotools", "hotcoco")},
        "sizes": counts,
        "note": "by hand: 4 ranges of area. The front also checks its input and measures 5 bins of thumbnail size",
        "timings": timings,
        "summary": dict(zip(SUMMARY, reference, strict=True)),
        "largest_difference": differences,
        "bootstrap": _bootstrap(truth, detections, names, options.resamples),
    }
    if options.output:
        write_json(options.output, results)


def _bootstrap(
    truth: list[ImageTruth], detections: list[ImageDetections], names: list[str], resamples: int
) -> dict[str, Any]:
    cases = {"whole": (truth, detections, names, resamples)}
    cases["400 images, 8 classes"] = (*scene(400, 8), names[:8], 1000)
    results = {}
    for title, (case_truth, case_found, case_names, number) in cases.items():
        start = process_time()
        matches = match_detections(case_truth, case_found, class_names=case_names)
        matched = process_time()
        intervals = headline_intervals(matches, resamples=number)
        done = process_time()
        statistic = ApStatistic(matches)
        value = value_of(statistic, num_images=statistic.num_images)
        metrics = evaluate_matches(
            matches, class_names=case_names, thumbnail_ratio=1.0, thumbnail_bins_px=THUMBNAIL_BINS_PX
        )
        off = _difference(list(value.values()), [getattr(metrics, name) for name in value])
        results[title] = {
            "images": len(case_truth),
            "resamples": number,
            "matching_cpu_s": round(matched - start, 3),
            "bootstrap_cpu_s": round(done - matched, 3),
            "ap": value["ap"],
            "ap_interval": intervals["ap"],
            "largest_difference_from_pycocotools": off,
        }
        print(title, results[title])
    return results


def _difference(values: list[float | None], reference: list[float | None]) -> float:
    pairs = list(zip(values, reference, strict=True))
    assert all((one is None) == (other is None) for one, other in pairs)
    return max(abs(one - other) for one, other in pairs if one is not None and other is not None)


if __name__ == "__main__":
    main()
