"""A classifier's report of invented facts on painted shapes, for the tests and for looking at the page:

python tests/report/fake_class_report.py report.html
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from fake_report import cost

from lowres.evaluation.classification import evaluate_classes, top1_interval
from lowres.report.class_contents import ClassExample, ClassReportData, ClassRow
from lowres.report.class_page import render_class_page

CLASS_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
_ALIKE = [(3, 5), (1, 9), (0, 8), (4, 7), (2, 4)]  # pairs that are taken for each other
_PARAMS = """\
task: classification
distill:
  restore: bicubic
  terms: {recognition: {weight: 1.0}, feature: {weight: 2.0, distance: squared}}
"""


def labels(count: int = 4000, num_classes: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, num_classes, count)


def probabilities(of: np.ndarray, sharpness: float, seed: int, num_classes: int = 10) -> np.ndarray:
    """Of a classifier that is better the sharper it is; it is too sure of itself, and confuses what is alike."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(of), num_classes))
    logits[np.arange(len(of)), of] += sharpness
    for one, other in _ALIKE:
        for true, wrong in ((one, other), (other, one)):
            logits[of == true, wrong] += 0.45 * sharpness
    powers = np.exp(1.4 * logits)
    return powers / powers.sum(axis=1, keepdims=True)


def metrics(found: np.ndarray, true: np.ndarray, class_names: list[str]) -> dict:
    """As evaluate leaves them."""
    measured = evaluate_classes(found, true, class_names=class_names).as_dict()
    return measured | {"top1_interval": list(top1_interval(found, true, resamples=500))}


def picture(label: int, seed: int, side: int = 32) -> np.ndarray:
    """A shape of the class's own colour before a soft background: RGB uint8."""
    rng = np.random.default_rng(seed)
    colour = [int(v) for v in np.random.default_rng(label).integers(40, 230, 3)]
    image = cv2.resize(rng.integers(60, 220, (3, 3, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
    centre, radius = tuple(int(v) for v in rng.integers(side * 3 // 8, side * 5 // 8, 2)), int(side * 0.3)
    angles = np.linspace(0, 2 * np.pi, 3 + label % 6, endpoint=False) + rng.uniform(0, 1)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + centre
    cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    cv2.circle(image, centre, radius // 3, [255 - value for value in colour], -1, cv2.LINE_AA)
    return image


def history(steps: int, terms: dict[str, float], best: float | None, seed: int) -> list[dict]:
    rng = np.random.default_rng(seed)
    records = []
    for step in range(20, steps + 1, 20):
        decay = 0.12 + 0.88 * np.exp(-3.5 * step / steps)
        values = {name: float(start * decay * rng.lognormal(0, 0.12)) for name, start in terms.items()}
        lr = 0.1 * 0.1 ** (step * 3 // steps)
        records.append({"kind": "train", "step": step, "loss": sum(values.values()), "terms": values, "lr": lr})
        if best is not None and step % (steps // 10) == 0:
            top1 = best * (1 - np.exp(-4 * step / steps)) / 0.982
            records.append({"kind": "evaluation", "step": step, "metrics": {"top1": top1, "top5": None}})
    return records


def fake_class_report() -> ClassReportData:
    """A report as of a good run on CIFAR-10 at 8 px, with a low-resolution baseline as fourth row."""
    true = labels()
    kinds = {
        "teacher": ("Teacher, full resolution", 32, 4.3, cost(37.1e6, 2.9, 0.02, 2_797_610)),
        "teacher_bicubic": ("Teacher, fed bicubic thumbnails", 8, 1.2, cost(37.1e6, 3.0, 0.02, 2_797_610)),
        "baseline": ("Low-resolution baseline", 8, 2.95, cost(37.1e6, 3.0, 0.02, 2_797_610)),
        "student": ("Student, thumbnails", 8, 3.0, cost(37.1e6, 3.0, 0.02, 2_797_610)),
    }
    found = {key: probabilities(true, kind[2], seed) for seed, (key, kind) in enumerate(kinds.items())}
    rows = [
        ClassRow(key, title, side, metrics(found[key], true, CLASS_NAMES), costs)
        for key, (title, side, _, costs) in kinds.items()
    ]
    own = found["student"][np.arange(len(true)), true]
    order = np.argsort(-own, kind="stable").tolist()
    middle = len(order) // 2
    ranks = {"best": order[:6], "median": order[middle : middle + 6], "worst": order[:-7:-1]}
    examples = [
        ClassExample(
            rank=rank,  # pyright: ignore[reportArgumentType]
            image_id=position + 1,
            image=picture(int(true[position]), position),
            thumbnail=cv2.resize(picture(int(true[position]), position), (8, 8), interpolation=cv2.INTER_AREA),
            label=int(true[position]),
            probabilities={key: of_images[position] for key, of_images in found.items()},
        )
        for rank, positions in ranks.items()
        for position in positions
    ]
    top1 = {row.key: row.metrics["top1"] for row in rows}
    return ClassReportData(
        title="CIFAR-10 from 8 px thumbnails",
        rows=rows,
        class_names=CLASS_NAMES,
        drop_rate=(top1["teacher"] - top1["student"]) / top1["teacher"],
        histories={
            "teacher": history(2000, {"recognition": 2.3}, 0.94, 1),
            "downsampler": [],
            "distill": history(2000, {"recognition": 2.3, "feature": 14.0}, 0.8, 3),
        },
        confusion={"student": rows[3].metrics["confusion"]},
        examples=examples,
        params_yaml=_PARAMS,
        provenance={
            "commit": "79dbd3010f0a",
            "split": "test",
            "machine": {"cpu": "2 cores", "memory_bytes": 8 * 2**30, "gpu": None},
            "data check": {"train": {"images": 45000, "refused": 0}, "test": {"images": 4000, "refused": 0}},
        },
        notes=["One seed."],
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_class_page(fake_class_report()), encoding="utf-8")
