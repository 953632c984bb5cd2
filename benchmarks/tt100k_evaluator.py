"""Time of the TT100K evaluator on a whole test split, curve included, one core.

    OMP_NUM_THREADS=1 python benchmarks/tt100k_evaluator.py annotations.json --output out-2026-01-31.json

The truth is a real annotation file of the data set; detections are made up with a fixed seed: for each sign one to four
boxes around it, shifted and scaled, some of another class, the closest with the highest scores on average; then false
boxes up to 20 to 50 detections in every image. `evaluate` is the whole protocol with its curves, `count per image` the
one threshold that a bootstrap over images needs; the two others read the files.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from timing import alternate, describe_machine, print_table, write_json

from lowres.evaluation.tt100k import CLASSES_45, count_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_annotations import read_annotations
from lowres.evaluation.tt100k_records import SignDetections, SignTruth
from lowres.evaluation.tt100k_results import read_results, write_results


def made_up(truth: list[SignTruth], seed: int) -> list[SignDetections]:
    """20 to 50 detections in every image."""
    rng = np.random.default_rng(seed)
    detections = []
    for image in truth:
        copies = rng.integers(1, 5, len(image.categories))
        source = np.repeat(np.arange(len(image.categories)), copies)
        error = np.abs(rng.normal(0, 0.08, len(source))) * (1 + np.arange(len(source)) % 3)
        sides = np.tile((image.boxes_xyxy_px[:, 2:] - image.boxes_xyxy_px[:, :2])[source], 2)
        near = image.boxes_xyxy_px[source] + rng.normal(0, 1, (len(source), 4)) * error[:, None] * sides
        total = max(int(rng.integers(20, 51)), len(near))
        corner = rng.uniform(0, 1950, (total - len(near), 2))
        stray = np.concatenate([corner, corner + np.exp(rng.uniform(2, 5, (len(corner), 2)))], axis=1)
        boxes = np.concatenate([near, stray]).clip(0, 2048)
        low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
        names = [
            image.categories[index] if rng.random() < 0.95 else str(rng.choice(CLASSES_45)) for index in source
        ] + rng.choice(CLASSES_45, len(stray)).tolist()
        scores = np.concatenate([np.exp(-6 * error) * rng.beta(8, 2, len(near)), rng.beta(1, 12, len(stray))])
        detections.append(
            SignDetections(image.image_id, np.concatenate([low, high], axis=1), tuple(names), scores.clip(0, 1))
        )
    return detections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    truth = read_annotations(options.annotations, split=options.split).truth
    detections = made_up(truth, seed=0)
    metrics = evaluate_tt100k(truth, detections)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        write_results(results, detections, score_scale=1000)
        timings = alternate(
            {
                "evaluate": lambda: evaluate_tt100k(truth, detections),
                "count per image": lambda: count_per_image(truth, detections),
                "read results": lambda: read_results(results, score_scale=1000),
                "read annotations": lambda: read_annotations(options.annotations, split=options.split),
            },
            options.rounds,
        )
    counts = {
        "images": len(truth),
        "objects": sum(len(image.categories) for image in truth),
        "detections": sum(len(image.categories) for image in detections),
    }
    scores = {size: {"f1": row.f1, "auc": row.auc} for size, row in metrics.by_long_side.items()}
    print_table(", ".join(f"{count:,} {name}" for name, count in counts.items()), timings)
    if options.output:
        write_json(
            options.output,
            {"machine": describe_machine(1), "split": options.split, **counts, "made_up_scores": scores, **timings},
        )


if __name__ == "__main__":
    main()
