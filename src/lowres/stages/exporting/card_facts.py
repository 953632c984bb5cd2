"""Facts of a model card that are told alike for every task."""

from collections.abc import Mapping
from typing import Any

from lowres.models.artifact import ModelSpec


def origin(spec: ModelSpec, check: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """`data` and `training`; `check` is what prepare found in each split, `facts` what `provenance` returns."""
    return {
        "data": {
            "name": f"{len(spec.class_names)} classes, prepared by lowres",
            **{f"{split}_images": check[split]["read"] for split in ("train", "val", "test")},
            "source": "see `data.source` in the configuration that has the hash below",
            "id": facts["data"],
        },
        "training": {"config_hash": facts["config_sha256"], "commit": facts["commit"] or "none"},
    }


def cost(details: Mapping[str, Any], *, ends_in: str) -> dict[str, Any]:
    """`cost`: machine, threads and a row per model; `ends_in` names what one image's way ends in."""
    machine, rows = details["machine"], details["rows"]
    return {
        "hardware": f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}, batch 1",
        "threads": student_row(details)["cost"]["threads"],
        "rows": [
            {
                "model": row["title"],
                "parameters": row["cost"]["parameters"],
                "multiply_adds": row["cost"]["multiply_adds"],
                "model_p50_ms": row["cost"]["latency"]["model"]["p50_ms"],
                f"file_to_{ends_in}_p50_ms": row["cost"]["latency"]["total"]["p50_ms"],
                f"file_to_{ends_in}_p99_ms": row["cost"]["latency"]["total"]["p99_ms"],
            }
            for row in rows
        ],
    }


def student_row(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of the model that is exported."""
    return next(row for row in details["rows"] if row["key"] == "student")


def downsampler_in_words(spec: ModelSpec) -> str:
    """Its kind, ratio and options."""
    return ", ".join(f"{key} {value}" for key, value in spec.downsampler.items())
