"""evaluate: teacher, teacher on bicubic thumbnails, student, and its baseline; accuracy and cost of each."""

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lowres.config.data import Input
from lowres.config.params import Baseline, Evaluate
from lowres.data.shards import ShardReader
from lowres.evaluation.drop_rate import drop_rate
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_model
from lowres.models.assemble import ThumbnailModel
from lowres.stages.classes import require_fit
from lowres.stages.cost import latency_of, memory_of, size_of
from lowres.stages.measuring.choose import measuring_kit_of
from lowres.stages.measuring.kit import MeasuringKit
from lowres.stages.outputs import whole_folder, write_headers, write_json
from lowres.stages.provenance import data_identity, made_from, made_together, section_hashes, split_identity

# What dvc.yaml plots of an evaluation; a task has some of it, a run without a baseline less.
_PLOTTED = {
    **{f"precision_recall_{row}.csv": ("recall", "precision") for row in ("teacher", "teacher_bicubic")},
    **{f"precision_recall_{row}.csv": ("recall", "precision") for row in ("baseline", "student")},
    **{f"reliability_{row}.csv": ("confidence", "accuracy") for row in ("teacher", "baseline", "student")},
    "ap_by_size_student.csv": ("size", "ap"),
}


@dataclass(frozen=True)
class Row:
    """One line of the table: a model and how it can be loaded again in a process of its own."""

    key: str
    title: str
    model: ThumbnailModel
    folder: Path
    behind: Path | None = None  # bicubic thumbnails of this student's ratio


def run(
    task_name: str,
    evaluate: Evaluate,
    sizing: Input,
    *,
    data: Path,
    teacher: Path,
    student: Path,
    baseline: Path,
    out_evaluation: Path,
    out_metrics: Path,
) -> dict[str, Any]:
    """Measure all rows on the chosen split; write details, the task's own files, and a flat summary."""
    kit = measuring_kit_of(task_name)
    teacher_model, teacher_spec = load_model(teacher)
    student_model, student_spec = load_model(student)
    specs = {teacher: teacher_spec, student: student_spec}
    split = data / evaluate.split
    bicubic = kit.fed_thumbnails(teacher_model, student=student_model)
    rows = [
        Row("teacher", "Teacher, full resolution", teacher_model, teacher),
        Row("teacher_bicubic", "Teacher, fed bicubic thumbnails", bicubic, teacher, behind=student),
    ]
    if (baseline / "config.json").is_file():
        baseline_model, specs[baseline] = load_model(baseline)
        rows.append(Row("baseline", "Student without its teacher", baseline_model, baseline))
    rows.append(Row("student", "Student, thumbnails", student_model, student))
    for place, spec in specs.items():
        require_fit(spec, place, task=task_name, sizing=sizing, split=split)
    own = section_hashes({"evaluate": evaluate, "baseline": Baseline(train=baseline in specs)})
    sections = made_together({place: made_from(asdict(spec)) for place, spec in specs.items()}) | own
    with whole_folder(out_evaluation) as folder:
        models = {row.key: row.model for row in rows}
        measured = kit.measure(models, evaluate, sizing, split=split, folder=folder)
        write_headers(folder, _PLOTTED)
        encoded = _encoded(split)
        details = [
            {"key": row.key, "title": row.title, "metrics": measured.metrics[row.key], "cost": cost}
            for row, cost in zip(rows, _costs(kit, rows, encoded, sizing, evaluate.latency_repeats), strict=True)
        ]
        summary = _summary(kit, details)
        write_json(
            folder / "details.json",
            {
                "task": task_name,
                "split": evaluate.split,
                "data": data_identity(data),
                "split_data": split_identity(split),
                "sections": sections,
                "class_names": student_spec.class_names,
                "ratio": student_model.ratio,
                "rows": details,
                "drop_rate": summary["accuracy_drop_rate"],
                "machine": machine_facts(),
                **measured.details,
            },
        )
    write_json(out_metrics, summary)
    return summary


def _encoded(split: Path, count: int = 16) -> list[bytes]:
    reader = ShardReader(split, verify=False)
    return [bytes(reader[position]) for position in range(min(count, len(reader)))]


def _costs(
    kit: MeasuringKit, rows: list[Row], encoded: list[bytes], sizing: Input, repeats: int
) -> list[dict[str, Any]]:
    """Cost of every row; processes that take memory may run beside each other, as no time is taken any more."""
    input_ = sizing.model_dump()
    costs = [
        size_of(kit, row.model, encoded=encoded[0], sizing=input_)
        | latency_of(kit, row.model, encoded=encoded, sizing=input_, repeats=repeats)
        for row in rows
    ]

    def memory(row: Row) -> dict[str, int]:
        load = functools.partial(_load_row, kit, row.folder, row.behind)
        return memory_of(kit, load, encoded=encoded[0], sizing=input_)

    with ThreadPoolExecutor(len(rows)) as pool:
        return [cost | memory for cost, memory in zip(costs, pool.map(memory, rows), strict=True)]


def _load_row(kit: MeasuringKit, folder: Path, behind: Path | None) -> ThumbnailModel:
    model, _ = load_model(folder)
    fed = model if behind is None else kit.fed_thumbnails(model, student=load_model(behind)[0])
    return fed.for_inference()


def _summary(kit: MeasuringKit, details: list[dict[str, Any]]) -> dict[str, Any]:
    by_key = {detail["key"]: detail for detail in details}
    summary: dict[str, Any] = {}
    for key, detail in by_key.items():
        metrics, cost = detail["metrics"], detail["cost"]
        summary[key] = {name: metrics[name] for name in kit.headline if metrics[name] is not None} | {
            "parameters": cost["parameters"],
            "multiply_adds": cost["multiply_adds"],
            "latency_p50_ms": cost["latency"]["total"]["p50_ms"],
        }
    teacher, student = by_key["teacher"], by_key["student"]
    before, after = (row["metrics"][kit.headline[0]] for row in (teacher, student))
    summary["accuracy_drop_rate"] = drop_rate(before, after) if before and after is not None else None
    summary["multiply_adds_ratio"] = teacher["cost"]["multiply_adds"] / student["cost"]["multiply_adds"]
    summary["speedup_total"] = (
        teacher["cost"]["latency"]["total"]["p50_ms"] / student["cost"]["latency"]["total"]["p50_ms"]
    )
    return summary
