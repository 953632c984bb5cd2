"""`lowres`: one sub-command per stage of the DAG, and what people do around it.

Bad input ends with one line on stderr and exit code 2; set LOWRES_TRACEBACK=1 to see where it came from. SIGTERM during
a training saves a checkpoint and exits 143.
"""

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lowres.data_commands import data_app
from lowres.pipeline_commands import pipeline_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
preset_app = typer.Typer(no_args_is_help=True, help="Complete params files: list, show, use.")
app.add_typer(preset_app, name="preset")
app.add_typer(data_app, name="data")
app.add_typer(pipeline_app, name="pipeline")

OUT = Path("outputs")
ParamsFile = Annotated[Path, typer.Option("--params", help="The experiment.")]
PARAMS = Path("params.yaml")
Split = Annotated[str | None, typer.Option(help="First folder of the images' paths; test without it (tt100k).")]
ScoreScale = Annotated[
    int | None, typer.Option(help="Highest possible score in the results: 1, 100 or, without it, 1000 (tt100k).")
]
ScoreThreshold = Annotated[
    float | None, typer.Option(help="Lowest score that counts, 0 to 1; 0.04 without it (tt100k).")
]
MaxDets = Annotated[int | None, typer.Option(help="Detections that count per class and image; 100 without it (coco).")]


def _say_versions(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from lowres.stages.provenance import commit

        parts = [f"lowres {version('lowres')}", f"commit {commit() or 'unknown'}", f"torch {version('torch')}"]
        print(", ".join(parts))
        raise typer.Exit


@app.callback()
def common(
    versions: Annotated[
        bool, typer.Option("--version", callback=_say_versions, is_eager=True, help="What this is; a quick self-check.")
    ] = False,
) -> None:
    """What comes before a command; the help is the text at the top of this file."""


@app.command()
def prepare(params: ParamsFile = PARAMS) -> None:
    """Check a data source and pack its splits into shards."""
    from lowres.config.params import load_params
    from lowres.stages import prepare as stage

    _say(stage.run(load_params(params).data, out_data=OUT / "data"))


@app.command()
def teacher(params: ParamsFile = PARAMS) -> None:
    """Train the full-resolution detector."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)  # before an import of seconds: most faults are there
    from lowres.stages import teacher as stage

    with _ranks():
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


@app.command()
def downsampler(params: ParamsFile = PARAMS) -> None:
    """Train the down-sampler alone (stage one)."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import downsampler as stage

    with _ranks():
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


@app.command()
def baseline(params: ParamsFile = PARAMS) -> None:
    """Train the student without its teacher, where params.yaml asks for it."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import baseline as stage

    with _ranks():
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


@app.command()
def distill(params: ParamsFile = PARAMS) -> None:
    """Train the student under the frozen teacher (stage two)."""
    _several_gpus()
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import distill as stage

    with _ranks():
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


@app.command()
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
    json_out: Annotated[Path | None, typer.Option("--json", help="Also write the numbers here.")] = None,
) -> None:
    """Measure accuracy and cost of teacher and student, or score others' results by a protocol."""
    given = {
        "split": split,
        "score_scale": score_scale,
        "score_threshold": score_threshold,
        "max_dets": max_dets,
        "engine": engine,
        "row": row,
    }
    if protocol or any(value is not None for value in (annotations, results, json_out, *given.values())):
        from lowres.scoring import score_results

        score_results(protocol, annotations, results, given=given, json_out=json_out)
        return
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import evaluate as stage

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


@app.command()
def export(params: ParamsFile = PARAMS) -> None:
    """Write the student as ONNX, from raw pixels to what it finds, once it is proven equal."""
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import export as stage

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


@app.command()
def report(params: ParamsFile = PARAMS) -> None:
    """Write the page about this run."""
    from lowres.config.params import load_params

    values = load_params(params)
    from lowres.stages import report as stage

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


@app.command()
def check(params: ParamsFile = PARAMS) -> None:
    """Dry run: build the models of a params file and take one step on random images."""
    from lowres.config.params import load_params
    from lowres.stages import check as stage

    losses = stage.run(load_params(params))
    for stage_name, terms in losses.items():
        print(f"{stage_name:12s} " + "  ".join(f"{name} {value:.4g}" for name, value in terms.items()))
    print(f"{params}: builds and learns")


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="A model folder or an .onnx file.")],
    images: Annotated[str, typer.Argument(help="A file, a folder or a quoted glob.")],
    out: Annotated[Path, typer.Option(help="Where drawn images and predictions.json go.")] = Path(
        "outputs/predictions"
    ),
    threshold: Annotated[
        float | None,
        typer.Option(help="Lowest score that is drawn and listed, 0 to 1; 0.4 without it (detectors only)."),
    ] = None,
    thumbnails: Annotated[bool, typer.Option(help="Also write what the network sees (model folders only).")] = False,
) -> None:
    """Detect in images, or classify them; write them drawn, and what was found as JSON."""
    from lowres.predicting import predict_files

    predict_files(model, images, out=out, threshold=threshold, thumbnails=thumbnails)


@app.command()
def benchmark(
    model: Annotated[str, typer.Argument(help="A model folder or an .onnx file.")],
    images: Annotated[str, typer.Option(help="Images to measure on; the prepared test split without it.")] = "",
    repeats: Annotated[int, typer.Option(help="Timed images.")] = 100,
) -> None:
    """Print what a model costs on this machine, from a file's bytes to what it finds."""
    from lowres.predicting import benchmark_table

    print(benchmark_table(model, images, data=OUT / "data", repeats=repeats))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="An evaluation output, outputs/evaluation of a run, or a file of results.")],
    b: Annotated[Path, typer.Argument(help="Another one over the same images.")],
    row: Annotated[
        str | None, typer.Option(help="The model that is compared: its key in details.json, or student without it.")
    ] = None,
    row_b: Annotated[str | None, typer.Option(help="Another row in B; the same without it.")] = None,
    protocol: Annotated[str, typer.Option(help="Compare two files of results: coco or tt100k.")] = "",
    annotations: Annotated[Path | None, typer.Option(help="The truth (with --protocol).")] = None,
    split: Split = None,
    score_scale: ScoreScale = None,
    score_threshold: ScoreThreshold = None,
    max_dets: MaxDets = None,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap over images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the figures here.")] = None,
) -> None:
    """Say whether B is better than A: difference of AP, top-1 or F1, and its 95 % interval over images."""
    from lowres.stages.outputs import write_json

    given = {
        "split": split,
        "score_scale": score_scale,
        "score_threshold": score_threshold,
        "max_dets": max_dets,
    }
    if protocol or any(value is not None for value in (annotations, *given.values())):
        from lowres.comparing_files import compare_files

        if row or row_b:
            raise ValueError("--row and --row-b: these are for evaluation outputs; files of results have no rows")
        files = compare_files(protocol, a, b, annotations, given=given, resamples=resamples, seed=seed)
        print(files.as_text())
        if out is not None:
            write_json(out, files.as_dict())
        return
    from lowres.comparing import compare_results

    row = row or "student"
    found = compare_results(a, b, row_a=row, row_b=row_b or row, resamples=resamples, seed=seed)
    print(f"A: {found.a.title}, {found.a.folder}\nB: {found.b.title}, {found.b.folder}\n{found.verdict}")
    print(f"B is above A in {100 * found.share_b_better:.1f} % of {found.resamples:,} resamples.")
    if out is not None:
        write_json(out, found.as_dict())


@app.command()
def doctor(
    path: Annotated[Path, typer.Argument(help="A data set's folder, or its annotation file.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything found as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with plots and examples.")] = None,
    fix: Annotated[Path | None, typer.Option(help="Write a repaired copy, in COCO form, into a new folder.")] = None,
) -> None:
    """Find what is wrong with a data set. Exits with 0 (clean, or notes), 1 (warnings) or 3 (errors)."""
    from lowres.stages import doctor as stage

    text, code = stage.run(path, json_file=json_file, html_file=html, fix_folder=fix)
    print(text)
    raise SystemExit(code)


@app.command()
def schema() -> None:
    """Print the JSON schema of params.yaml, for editors."""
    from lowres.config.params import json_schema

    print(json.dumps(json_schema(), indent=2))


@preset_app.command("list")
def preset_list() -> None:
    """Name and purpose of each preset."""
    from lowres.presets import list_presets

    for name, purpose in list_presets():
        print(f"{name:28s} {purpose}")


@preset_app.command("show")
def preset_show(name: str) -> None:
    """Print a preset."""
    from lowres.presets import preset_path

    print(preset_path(name).read_text(), end="")


@preset_app.command("use")
def preset_use(name: str) -> None:
    """Make a preset the experiment in force: copy it over params.yaml."""
    from lowres.presets import use_preset

    use_preset(name, PARAMS)
    print(f"params.yaml is now {name}; `dvc repro` runs what has changed")


def main() -> None:
    """Entry point of the `lowres` command."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for noisy in ("httpx", "onnx_ir", "onnxscript", "matplotlib", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A head dimension that is no power of two is slow in CUDA kernels that we do not use.
    warnings.filterwarnings("ignore", message="You'd better set embed_dim")
    try:
        app(standalone_mode=True)
    except (ValueError, OSError) as error:
        if os.environ.get("LOWRES_TRACEBACK"):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


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


def _several_gpus() -> None:
    """With several GPUs and not under torchrun yet: run torchrun with one process for each, and end as it does."""
    from lowres.engine.launch import ranks_wanted, run_ranks

    count = ranks_wanted()
    if count > 1:
        raise SystemExit(run_ranks("lowres.cli", sys.argv[1:], count=count))


if __name__ == "__main__":
    main()
