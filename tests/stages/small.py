"""The demo presets at sizes for tests: 128 px images, a tiny network, a handful of steps."""

import copy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.models.tiny import RT_DETR_V2

ROOT = Path(__file__).parents[2]


def small_params() -> dict[str, Any]:
    values = YAML(typ="safe").load((ROOT / "presets/thumbdet-demo.yaml").read_text())
    values["data"]["source"] |= {"num_train": 12, "num_val": 6, "num_test": 6, "image_size_px": 128}
    values["data"]["input"] |= {"short_side_px": 128, "long_side_px": 128}
    values["teacher"]["model"]["config"] = copy.deepcopy(RT_DETR_V2["config"])
    values["teacher"]["model"]["config"] |= {"num_queries": 15}
    values["distill"]["model"] = None
    for section, steps in (("teacher", 3), ("downsampler", 2), ("distill", 3)):
        train = values[section]["train"]
        train |= {"steps": steps, "batch_size": 4, "num_workers": 0, "precision": "float32"}
        train["schedule"]["warmup_steps"] = 1
        if train["evaluate_every_steps"]:
            train["evaluate_every_steps"] = steps
    values["evaluate"] |= {"latency_repeats": 3, "batch_size": 4}
    values["export"]["parity_images"] = 3
    values["report"]["num_examples"] = 1
    return values


def tiny_params() -> dict[str, Any]:
    """The least that every stage takes, where each is a process of its own."""
    values = small_params()
    values["data"]["source"] |= {"num_train": 4, "num_val": 2, "num_test": 2}
    for section in ("teacher", "downsampler", "distill"):
        train = values[section]["train"]
        train["steps"] = 1
        if train["evaluate_every_steps"]:
            train["evaluate_every_steps"] = 1
    values["evaluate"]["latency_repeats"] = 1
    values["export"]["parity_images"] = 1
    return values


def small_class_params() -> dict[str, Any]:
    """Of a classifier of crops."""
    values = YAML(typ="safe").load((ROOT / "presets/dfd-demo.yaml").read_text())
    values["data"]["source"]["signs"] |= {"num_train": 24, "num_val": 8, "num_test": 8, "image_size_px": 128}
    values["data"]["source"]["min_side_px"] = 8
    values["teacher"]["model"]["width"] = 0.125
    for section in ("teacher", "distill"):
        train = values[section]["train"]
        train |= {"steps": 12, "batch_size": 8, "evaluate_every_steps": 12, "precision": "float32"}
        train["optimiser"]["lr"] = 0.02
        train["schedule"]["warmup_steps"] = 1
    values["evaluate"] |= {"latency_repeats": 3, "batch_size": 8}
    values["export"] |= {"parity_images": 4, "max_probability_difference": 1e-5}
    values["report"]["num_examples"] = 1
    return values


def tiny_class_params() -> dict[str, Any]:
    """The least that every stage takes of a classifier."""
    values = small_class_params()
    values["data"]["source"]["signs"] |= {"num_train": 8, "num_val": 2, "num_test": 2}
    for section in ("teacher", "distill"):
        values[section]["train"] |= {"steps": 2, "evaluate_every_steps": 2}
    values["evaluate"]["latency_repeats"] = 1
    values["export"]["parity_images"] = 1
    return values


def write_params(path: Path, values: dict[str, Any]) -> Path:
    with path.open("w") as file:
        YAML().dump(values, file)
    return path


def plotted_files() -> list[str]:
    """What dvc.yaml draws its plots from."""
    plots = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["plots"]
    return [file for part in plots for plot in part.values() for file in plot["y"]]
