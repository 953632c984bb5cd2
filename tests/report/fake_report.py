"""A report of invented facts on painted streets, for the tests and for looking at the page:

python tests/report/fake_report.py report.html
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from lowres.records import ImageDetections, ImageTruth
from lowres.report.contents import Example, FrontierPoint, ReportData, Row
from lowres.report.page import render_page

CLASS_NAMES = ["speed 30", "speed 50", "speed 80", "stop", "yield", "no entry", "priority", "crossing"]
_COLOURS = [
    (200, 30, 40),
    (200, 40, 40),
    (190, 35, 45),
    (180, 20, 30),
    (220, 60, 60),
    (205, 25, 35),
    (240, 200, 40),
    (40, 90, 200),
]
_PARAMS = """\
data:
  source: {kind: signs, seed: 1, num_train: 3000, num_val: 300, num_test: 300, image_size_px: 256}
  input: {short_px: 256, long_px: 256, canvas_multiple_px: 32}
distill:
  steps: 500
  initialise: teacher
  stride_shift: 1
  weights: {detection: 1.0, features: 2.0}
"""


def scene(seed: int, side: int = 256) -> tuple[np.ndarray, ImageTruth]:
    """A street with signs on posts: RGB image and truth."""
    rng = np.random.default_rng(seed)
    image = np.zeros((side, side, 3), np.uint8)
    horizon = int(side * rng.uniform(0.4, 0.55))
    sky = np.array(rng.choice([[120, 170, 225], [190, 196, 204], [240, 190, 150]]), float)
    for y in range(horizon):
        image[y] = np.clip(sky * (0.75 + 0.3 * y / horizon), 0, 255)
    image[horizon:] = (104, 132, 84)
    cv2.fillPoly(
        image, [np.array([[side // 2 - 4, horizon], [side // 2 + 4, horizon], [side, side], [0, side]])], (96, 96, 100)
    )
    for x in range(0, side, 34):
        top = int(horizon - rng.uniform(10, 70))
        cv2.rectangle(image, (x, top), (x + 30, horizon + 4), tuple(int(v) for v in rng.integers(90, 190, 3)), -1)
        for wy in range(top + 5, horizon - 5, 9):
            for wx in range(x + 4, x + 26, 8):
                cv2.rectangle(image, (wx, wy), (wx + 3, wy + 4), (70, 84, 100), -1)
    boxes, labels = [], []
    for _ in range(int(rng.integers(1, 6))):
        size = int(np.exp(rng.uniform(np.log(9), np.log(56))))
        x, y = int(rng.integers(4, side - size - 4)), int(rng.integers(10, side - size - 30))
        if any(abs(x - b[0]) < size + 12 and abs(y - b[1]) < size + 12 for b in boxes):
            continue
        label = int(rng.integers(len(CLASS_NAMES)))
        centre, radius = (x + size // 2, y + size // 2), size // 2
        cv2.line(
            image, (centre[0], y + size), (centre[0], min(side - 1, y + size + 40)), (70, 70, 74), max(1, size // 14)
        )
        cv2.circle(image, centre, radius, _COLOURS[label], -1, cv2.LINE_AA)
        cv2.circle(image, centre, int(radius * 0.68), (245, 245, 240), -1, cv2.LINE_AA)
        cv2.putText(
            image,
            "358"[label % 3],
            (centre[0] - size // 5, centre[1] + size // 6),
            0,
            size / 60,
            (10, 10, 10),
            max(1, size // 24),
            cv2.LINE_AA,
        )
        boxes.append([x, y, x + size, y + size])
        labels.append(label)
    noisy = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    truth = ImageTruth(
        image_id=1000 + seed,
        width=side,
        height=side,
        boxes_xyxy_px=np.array(boxes, float).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        iscrowd=np.zeros(len(boxes), bool),
        area_px=np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes], float),
    )
    return noisy, truth


def detections(truth: ImageTruth, seed: int, *, found: float, false: int) -> ImageDetections:
    """The truth, shaken: a share of it found, some classes wrong, some false alarms."""
    rng = np.random.default_rng(seed)
    boxes, labels, scores = [], [], []
    for box, label in zip(truth.boxes_xyxy_px, truth.labels, strict=True):
        if rng.random() < found:
            boxes.append(box + rng.normal(0, 0.04 * (box[2] - box[0]), 4))
            labels.append(int(label) if rng.random() < found else (int(label) + 1) % len(CLASS_NAMES))
            scores.append(rng.uniform(0.52, 0.97))
    for _ in range(false):
        x, y, size = rng.uniform(10, 180), rng.uniform(30, 180), rng.uniform(10, 40)
        boxes.append(np.array([x, y, x + size, y + size]))
        labels.append(int(rng.integers(len(CLASS_NAMES))))
        scores.append(rng.uniform(0.3, 0.8))
    return ImageDetections(
        truth.image_id, np.array(boxes, float).reshape(-1, 4), np.array(scores, float), np.array(labels, np.int64)
    )


def metrics(level: float, seed: int) -> dict:
    """Metrics in the evaluation's form, of about this AP; large objects are undefined."""
    rng = np.random.default_rng(seed)
    edges = [0.0, 2.0, 4.0, 8.0, 16.0, None]
    share = [None, 0.35, 0.8, 1.2, 1.35]
    return {
        "num_images": 300, "num_objects": 955,
        "ap": level, "ap50": min(1, level * 1.32), "ap75": level * 1.09, "ap_small": level * 0.84,
        "ap_medium": min(1.0, level * 1.25), "ap_large": None, "ar_100": min(1, level * 1.18),
        "per_class": {
            name: {"ap": min(1.0, level * rng.uniform(0.7, 1.25)), "ap50": min(1.0, level * 1.3), "num_objects": int(rng.integers(60, 190))}
            for name in CLASS_NAMES
        },
        "by_thumbnail_size": [
            {"low_px": low, "high_px": high, "num_objects": number, "ap": None if s is None else min(1.0, level * s), "ap50": None if s is None else min(1.0, level * s * 1.3), "ar": None}
            for low, high, s, number in zip(edges, edges[1:], share, [0, 212, 398, 301, 44])
        ],
    }  # fmt: skip


def cost(multiply_adds: float, model_ms: float, resize_ms: float, parameters: int) -> dict:
    parts = {"decode": 1.21, "resize": resize_ms, "model": model_ms}
    parts["total"] = sum(parts.values()) + 0.4
    latency = {name: {"p50_ms": value, "p99_ms": value * 1.35} for name, value in parts.items()}
    return {
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "latency": latency,
        "peak_memory_bytes": 412_000_000 + model_ms * 4e6,
        "threads": 2,
    }


def curve(level: float) -> dict:
    recall = np.linspace(0, 1, 101)
    precision = np.clip(1.03 - (recall / max(0.05, min(0.98, level * 1.35))) ** 5, 0, 1)
    return {"iou_50": precision.tolist(), "iou_50_95": (0.75 * precision).tolist()}


def pr_curves(level: float) -> dict:
    edges = [0.0, 2.0, 4.0, 8.0, 16.0, None]
    return {
        "recall": np.linspace(0, 1, 101).tolist(),
        "overall": curve(level),
        "by_area": {"small": curve(level * 0.84), "medium": curve(level * 1.25), "large": None},
        "per_class": {},
        "by_thumbnail_size": [
            {"low_px": low, "high_px": high, "curve": None if share is None else curve(level * share)}
            for low, high, share in zip(edges, edges[1:], [None, 0.35, 0.8, 1.2, 1.35])
        ],
    }


def history(steps: int, terms: dict[str, float], best_ap: float | None, seed: int) -> list[dict]:
    rng = np.random.default_rng(seed)
    records = []
    for step in range(1, steps + 1):
        decay = 0.25 + 0.75 * np.exp(-3.5 * step / steps)
        values = {name: float(start * decay * rng.lognormal(0, 0.16)) for name, start in terms.items()}
        lr = (
            4e-4
            * min(1.0, step / 50)
            * (1.0 if step < 0.6 * steps else 0.5 + 0.5 * np.cos(np.pi * (step - 0.6 * steps) / (0.4 * steps)))
        )
        records.append({"kind": "train", "step": step, "loss": sum(values.values()), "terms": values, "lr": lr})
        if best_ap is not None and step % (steps // 8) == 0:
            records.append(
                {
                    "kind": "evaluation",
                    "step": step,
                    "metrics": {"ap": best_ap * (1 - np.exp(-3.2 * step / steps)) / 0.96},
                }
            )
    return records


def confusion(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = len(CLASS_NAMES) + 1
    counts = rng.poisson(0.8, (size, size))
    counts[np.arange(size - 1), np.arange(size - 1)] = rng.integers(50, 110, size - 1)
    counts[:-1, -1] = rng.integers(8, 40, size - 1)
    counts[-1, :-1] = rng.integers(2, 18, size - 1)
    counts[0, 1], counts[1, 0], counts[1, 2] = 23, 17, 12
    counts[-1, -1] = 0
    return counts


def fake_report() -> ReportData:
    """A report as of a good run of the demo."""
    levels = {"teacher": 0.71, "teacher_bicubic": 0.012, "student": 0.463}
    rows = [
        Row("teacher", "Teacher", 256, metrics(0.71, 1), cost(1.02e9, 38.4, 0.0, 1_754_321)),
        Row(
            "teacher_bicubic",
            "Teacher on bicubic thumbnails",
            64,
            metrics(0.012, 2),
            cost(0.071e9, 7.1, 0.31, 1_754_321),
        ),
        Row("student", "Student", 64, metrics(0.463, 3), cost(0.104e9, 8.2, 0.0, 1_761_005)),
    ]
    examples = []
    for rank, first, found, false in (("best", 3, 1.0, 0), ("median", 11, 0.7, 1), ("worst", 21, 0.25, 2)):
        for index in range(3):
            image, truth = scene(first + index)
            thumbnail = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            examples.append(
                Example(
                    rank=rank,  # pyright: ignore[reportArgumentType]
                    image=image,
                    thumbnail=thumbnail,
                    truth=truth,
                    teacher=detections(truth, 50 + first + index, found=0.95, false=index % 2),
                    student=detections(truth, 90 + first + index, found=found, false=false),
                    score=[0.97, 0.67, 0.12][(first - 1) // 10] - 0.04 * index,
                )
            )
    frontier = [
        FrontierPoint("Teacher", 0.71, 1.02e9, 40.0, "teacher"),
        FrontierPoint("Teacher on bicubic thumbnails", 0.012, 0.071e9, 9.0, "teacher_bicubic"),
        FrontierPoint("Student", 0.463, 0.104e9, 9.8, "student"),
        FrontierPoint("bicubic, no distillation", 0.378, 0.101e9, 9.6),
        FrontierPoint("stride shift 0", 0.28, 0.071e9, 8.1),
        FrontierPoint("stride shift 2", 0.52, 0.29e9, 17.5),
        FrontierPoint("smaller detector at 128 px", 0.50, 0.17e9, 12.9),
    ]
    terms = {"detection": 18.0, "features": 1.4, "moments": 0.3, "logits": 0.8}
    return ReportData(
        title="Thumbnail detector on signs",
        rows=rows,
        class_names=CLASS_NAMES,
        drop_rate=(0.71 - 0.463) / 0.71,
        histories={
            "teacher": history(1070, {"detection": 22.0}, 0.73, 1),
            "downsampler": history(150, {"moments": 0.9, "bicubic": 0.2}, None, 2),
            "distill": history(500, terms, 0.47, 3),
        },
        pr_curves={key: pr_curves(level) for key, level in levels.items()},
        confusion={"student": confusion(5)},
        score_threshold=0.5,
        examples=examples,
        frontier=frontier,
        params_yaml=_PARAMS,
        provenance={
            "commit": "79dbd3010f0a4c0f6f4e5d8c1d2e3f4a5b6c7d8e",
            "config": "sha256 4f2a…9c",
            "data md5": {"train": "d41d8cd98f00b204e9800998ecf8427e", "test": "0cc175b9c0f1b6a831c399e269772661"},
            "versions": {"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0"},
            "machine": {"cpu": "2 cores", "memory_bytes": 8 * 2**30, "gpu": None},
            "duration": {"teacher_s": 486.2, "downsampler_s": 31.0, "distill_s": 203.4, "evaluate_s": 41.8},
        },
        notes=["One seed. The study in studies/thumbdet has intervals."],
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(fake_report()), encoding="utf-8")
