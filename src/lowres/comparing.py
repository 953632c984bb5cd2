"""What `lowres compare` does with two evaluation outputs over the same images: is one better?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lowres.evaluation.ap_resampling import ApStatistic
from lowres.evaluation.bootstrap import Statistic
from lowres.evaluation.class_resampling import ClassStatistic
from lowres.evaluation.classification import evaluate_classes
from lowres.evaluation.coco import match_detections
from lowres.evaluation.output_details import read_details
from lowres.evaluation.paired import paired_differences
from lowres.evaluation.saved import read_detections, read_truth
from lowres.stages.outputs import read_json


@dataclass(frozen=True)
class Side:
    """One of the two results."""

    folder: str
    row: str
    title: str
    value: float  # in [0, 1]


@dataclass(frozen=True)
class Comparison:
    """B minus A of `metric`, with its interval over images; `share_b_better` of the resamples have B above A."""

    metric: str
    split: str
    num_images: int
    a: Side
    b: Side
    difference: float
    interval: tuple[float, float]
    level: float
    share_b_better: float
    resamples: int
    seed: int
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Result:
    folder: Path
    row: str
    details: dict[str, Any]
    metrics: dict[str, Any]
    title: str


def compare_results(
    a: Path,
    b: Path,
    *,
    row_a: str = "student",
    row_b: str = "student",
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Two folders that the evaluate stage wrote, or two rows of one: AP of detectors, top-1 of classifiers.

    Raises `ValueError` for results over different tasks, classes, splits or images, a row that is not there, and what
    `bootstrap` refuses.
    """
    first, second = _read(a, row_a), _read(b, row_b)
    _require_same(first, second)
    metric, name, make = _TASKS[first.details["task"]]
    one, other, num_images = make(first, second)
    sampling = {"level": level, "resamples": resamples, "seed": seed}
    found = paired_differences(one, other, names=(metric,), num_images=num_images, **sampling)[metric]
    if found is None:
        raise ValueError(f"{a}: the images have no object, so there is no {name} to compare")
    return Comparison(
        metric=metric,
        split=first.details["split"],
        num_images=num_images,
        a=Side(str(a), row_a, first.title, found.a),
        b=Side(str(b), row_b, second.title, found.b),
        difference=found.difference,
        interval=found.interval,
        level=level,
        share_b_better=found.share_b_better,
        resamples=resamples,
        seed=seed,
        verdict=found.verdict(name),
    )


def _read(folder: Path, row: str) -> _Result:
    if folder.is_file():
        raise ValueError(
            f"{folder}: is a file; two files of results are compared with --protocol coco or tt100k and --annotations"
        )
    details = read_details(folder, row=row)
    rows = {entry["key"]: entry for entry in details["rows"]}
    if "split_data" not in details:
        raise ValueError(f"{folder}: does not say which images were measured; run the evaluate stage again")
    return _Result(folder, row, details, rows[row]["metrics"], rows[row]["title"])


def _require_same(a: _Result, b: _Result) -> None:
    for key, what in (("task", "task"), ("class_names", "classes"), ("split", "split"), ("split_data", "images")):
        if a.details[key] != b.details[key]:
            raise ValueError(
                f"{b.folder}: {what} {_short(b.details[key])} differ from {_short(a.details[key])} of {a.folder}; "
                "only results over the same images can be compared: evaluate both models on one prepared split"
            )


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _detection(a: _Result, b: _Result) -> tuple[Statistic, Statistic, int]:
    if a.metrics["max_detections"] != b.metrics["max_detections"]:
        raise ValueError(
            f"{b.folder}: keeps {b.metrics['max_detections']} detections per image and class, {a.folder} "
            f"{a.metrics['max_detections']}; evaluate both with the same evaluate.max_detections"
        )
    truths = [(side.folder / "truth.npz").read_bytes() for side in (a, b) if (side.folder / "truth.npz").is_file()]
    truth = read_truth(a.folder / "truth.npz")
    if len(truths) == 2 and truths[0] != truths[1] and not _equal(truth, read_truth(b.folder / "truth.npz")):
        raise ValueError(f"{b.folder / 'truth.npz'}: differs from that of {a.folder}; evaluate both on one split")
    statistics = [
        ApStatistic(
            match_detections(
                truth,
                read_detections(side.folder / "detections" / f"{side.row}.npz"),
                class_names=side.details["class_names"],
                max_detections=side.metrics["max_detections"],
            ),
            areas=("all",),
        )
        for side in (a, b)
    ]
    return statistics[0], statistics[1], len(truth)


def _equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        all(np.array_equal(getattr(x, name), getattr(y, name)) for name in vars(x))
        for x, y in zip(one, other, strict=True)
    )


def _classification(a: _Result, b: _Result) -> tuple[Statistic, Statistic, int]:
    truths = [read_json(side.folder / "labels.json") for side in (a, b)]
    if truths[0] != truths[1]:
        raise ValueError(f"{b.folder / 'labels.json'}: differs from that of {a.folder}; evaluate both on one split")
    labels = np.array(truths[0]["labels"], dtype=np.int64)
    statistics = []
    for side in (a, b):
        path = side.folder / "probabilities" / f"{side.row}.npy"
        if not path.is_file():
            raise ValueError(f"{path}: missing; run the evaluate stage again")
        probabilities = np.load(path, allow_pickle=False).astype(np.float64)
        evaluate_classes(probabilities, labels, class_names=side.details["class_names"])  # refuses what is wrong
        statistics.append(ClassStatistic(probabilities, labels))
    return statistics[0], statistics[1], len(labels)


_TASKS: dict[str, tuple[str, str, Callable[[_Result, _Result], tuple[Statistic, Statistic, int]]]] = {
    "detection": ("ap", "AP", _detection),
    "classification": ("top1", "top-1", _classification),
}
