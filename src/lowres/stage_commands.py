"""The commands that are stages of the DAG; `cli` registers them.

A stage reads its sections of params.yaml and the outputs of those before it, and prints its numbers. With several GPUs
a training starts itself again under torchrun, one process for each. Two processes of one stage never write beside each
other: the second is refused.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lowres.command_options import OUT, PARAMS, MaxDets, ParamsFile, ScoreScale, ScoreThreshold, Split


def prepare(params: ParamsFile = PARAMS) -> None:
    """Check a data source and pack its splits into shards."""
    from lowres.config.params import load_params
    from lowres.stages import prepare as stage

    data = load_params(params).data
    with _alone("prepare"):
        _say(stage.run(data, out_data=OUT / "data"))


def teacher(params: ParamsFile = PARAMS) -> None:
    """Train the full-resolution detector."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)  # before an import of seconds: most faults are there
    from lowres.stages import teacher as stage

    with _ranks(), _alone("teacher"):
        _say(
            stage.run(
                values.task,
                values.teacher,
                values.data.input,
                data=OUT / "data",
                out_model=OUT / "teacher",
                out_metrics=OUT / "metrics/teacher.json",
                out_history=OUT / "history/teacher",
            )
        )


def downsampler(params: ParamsFile = PARAMS) -> None:
    """Train the down-sampler alone (stage one)."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import downsampler as stage

    with _ranks(), _alone("downsampler"):
        _say(
            stage.run(
                values.task,
                values.downsampler,
                values.data.input,
                data=OUT / "data",
                out_model=OUT / "downsampler",
                out_metrics=OUT / "metrics/downsampler.json",
                out_history=OUT / "history/downsampler",
            )
        )


def baseline(params: ParamsFile = PARAMS) -> None:
    """Train the student without its teacher, where params.yaml asks for it."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import baseline as stage

    with _ranks(), _alone("baseline"):
        _say(
            stage.run(
                values.task,
                values.baseline,
                values.distill,
                values.data.input,
                data=OUT / "data",
                teacher=OUT / "teacher",
                downsampler=OUT / "downsampler",
                out_model=OUT / "baseline",
                out_metrics=OUT / "metrics/baseline.json",
                out_history=OUT / "history/baseline",
            )
        )


def distill(params: ParamsFile = PARAMS) -> None:
    """Train the student under the frozen teacher (stage two)."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import distill as stage

    with _ranks(), _alone("distill"):
        _say(
            stage.run(
                values.task,
                values.distill,
                values.data.input,
                data=OUT / "data",
                teacher=OUT / "teacher",
                downsampler=OUT / "downsampler",
                out_model=OUT / "student",
                out_metrics=OUT / "metrics/distill.json",
                out_history=OUT / "history/distill",
            )
        )


def evaluate(
    params: ParamsFile = PARAMS,
    protocol: Annotated[str, typer.Option(help="Score a file of results instead of the models: coco or tt100k.")] = "",
    annotations: Annotated[Path | None, typer.Option(help="The truth (with --protocol).")] = None,
    results: Annotated[
        Path | None, typer.Option(help="What was detected: a file; for tt100k also outputs/evaluation of a run.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="Its model there: its key in details.json, or student.")] = None,
    split: Split = None,
    score_scale: ScoreScale = None,
    score_threshold: ScoreThreshold = None,
    max_dets: MaxDets = None,
    engine: Annotated[
        Literal["pycocotools", "hotcoco"] | None,
        typer.Option(help="What computes AP: pycocotools without it, or hotcoco, which is faster (coco)."),
    ] = None,
    ratio: Annotated[
        float | None, typer.Option(help="Image pixels per thumbnail pixel, for AP by size there; 1 without it (coco).")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Also write the numbers here.")] = None,
) -> None:
    """Measure accuracy and cost of teacher and student, or score others' results by a protocol."""
    given = {
        "split": split,
        "score_scale": score_scale,
        "score_threshold": score_threshold,
        "max_dets": max_dets,
        "engine": engine,
        "ratio": ratio,
        "row": row,
    }
    if protocol or any(value is not None for value in (annotations, results, json_out, *given.values())):
        from lowres.scoring import score_results

        score_results(protocol, annotations, results, given=given, json_out=json_out)
        return
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import evaluate as stage

    with _alone("evaluate"):
        _say(
            stage.run(
                values.task,
                values.evaluate,
                values.data.input,
                data=OUT / "data",
                teacher=OUT / "teacher",
                student=OUT / "student",
                baseline=OUT / "baseline",
                out_evaluation=OUT / "evaluation",
                out_metrics=OUT / "metrics/evaluation.json",
            )
        )


def export(params: ParamsFile = PARAMS) -> None:
    """Write the student as ONNX, from raw pixels to what it finds, once it is proven equal."""
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import export as stage

    with _alone("export"):
        _say(
            stage.run(
                values.task,
                values.export,
                values.data.input,
                data=OUT / "data",
                student=OUT / "student",
                evaluation=OUT / "evaluation",
                params_file=params,
                out_export=OUT / "export",
                out_metrics=OUT / "metrics/export.json",
            )
        )


def report(params: ParamsFile = PARAMS) -> None:
    """Write the page about this run."""
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import report as stage

    with _alone("report"):
        _say(
            stage.run(
                values.task,
                values.report,
                data=OUT / "data",
                evaluation=OUT / "evaluation",
                export=OUT / "export",
                histories=OUT / "history",
                params_file=params,
                out_report=OUT / "report",
            )
        )


def _say(metrics: dict[str, Any]) -> None:
    if metrics:
        print(json.dumps(metrics, indent=2))


@contextmanager
def _ranks() -> Iterator[None]:
    import torch

    from lowres.engine.distributed import process_group
    from lowres.steps.mirroring import mirrored_checkpoints

    with process_group("cuda" if torch.cuda.is_available() else "cpu"), mirrored_checkpoints():
        yield


@contextmanager
def _alone(stage: str) -> Iterator[None]:
    """Refuse a second process of the stage in this folder; one that was killed is no obstacle."""
    from lowres.engine.distributed import current_ranks
    from lowres.engine.lock import folder_lock

    with folder_lock(Path(".lowres/stages") / stage) if current_ranks().is_main else nullcontext():
        yield


def _several_gpus() -> None:
    """With several GPUs and not under torchrun yet: run torchrun with one process for each, and end as it does."""
    from lowres.engine.launch import ranks_wanted, run_ranks

    count = ranks_wanted()
    if count > 1:
        raise SystemExit(run_ranks("lowres.cli", sys.argv[1:], count=count))


STAGES = (prepare, teacher, downsampler, baseline, distill, evaluate, export, report)
