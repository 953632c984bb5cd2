"""A sweep's table: one line for each variant, then all of them side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lowres.config.params import fingerprint
from lowres.models.checksum import sha256_of
from lowres.report.sweep_page import Variant, sweep_markdown, sweep_page, sweep_scalars
from lowres.stages.measuring.choose import measuring_kit_of
from lowres.stages.outputs import read_json
from lowres.steps.artifacts import Artifact, Metrics
from lowres.steps.failing import one_line_errors
from lowres.steps.origin import made_by
from lowres.steps.showing import show_scalars


def score(*, kind: str, seed: int, teacher: Artifact, evaluation: Artifact) -> str:
    """The student's line as JSON: what it is, its accuracy and cost, its teacher's accuracy."""
    with one_line_errors():
        details = read_json(Path(evaluation.path) / "details.json")
        rows = {row["key"]: row for row in details["rows"]}
        metric = measuring_kit_of(details["task"]).headline[0]
        cost = rows["student"]["cost"]
        line: dict[str, Any] = {
            "kind": kind,
            "seed": seed,
            "metric": metric,
            "split": details["split"],
            "split_data": details["split_data"],
            "accuracy": rows["student"]["metrics"][metric],
            "teacher": rows["teacher"]["metrics"][metric],
            "teacher_sha256": sha256_of(Path(teacher.path) / "model.safetensors"),
            "multiply_adds": cost["multiply_adds"],
            "latency_ms": cost["latency"]["total"]["p50_ms"],
            "origin": {name: value for name, value in evaluation.metadata.items() if name in ("data", "data_md5")},
            "sections": details["sections"],
        }
        return json.dumps(line)


def compare(scores: Sequence[str], *, metrics: Metrics, page: Artifact, verdict: Artifact) -> None:
    """All lines as a page, as Markdown and as scalars; ends the process with one line where they do not go together.

    Page and verdict get metadata as in `run_stage`; their configuration is that of all variants.
    """
    with one_line_errors():
        lines = [json.loads(text) for text in scores]
        for what in ("metric", "split", "split_data", "teacher_sha256"):
            found = {line[what] for line in lines}
            if len(found) != 1:
                raise ValueError(
                    f"the variants differ in {what}, so they cannot be compared: {sorted(map(str, found))}"
                )
        variants = [
            Variant(**{name: line[name] for name in ("kind", "seed", "accuracy", "multiply_adds", "latency_ms")})
            for line in lines
        ]
        # Each step measured the teacher anew, perhaps on another kind of machine, where bits differ.
        shared = {name: lines[0][name] for name in ("metric", "split", "teacher")}
        told = sweep_markdown(variants, **shared)
        origin = lines[0]["origin"] | {"config": fingerprint([line["sections"] for line in lines])} | made_by()
        for artifact, text in ((page, sweep_page(variants, **shared)), (verdict, told)):
            Path(artifact.path).parent.mkdir(parents=True, exist_ok=True)
            Path(artifact.path).write_text(text)
            artifact.metadata.update(origin)
        show_scalars(sweep_scalars(variants), metrics)
        print(told)
