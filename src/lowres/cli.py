"""`lowres`: one sub-command per stage of the DAG, and what people do around it.

Bad input ends with one line on stderr and exit code 2; set LOWRES_TRACEBACK=1 to see where it came from. SIGTERM during
a training saves a checkpoint and exits 143.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from lowres.command_options import OUT, PARAMS, MaxDets, ParamsFile, ScoreScale, ScoreThreshold, Split
from lowres.data_commands import data_app
from lowres.pipeline_commands import pipeline_app
from lowres.stage_commands import STAGES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
preset_app = typer.Typer(no_args_is_help=True, help="Complete params files: list, show, use.")
app.add_typer(preset_app, name="preset")
app.add_typer(data_app, name="data")
app.add_typer(pipeline_app, name="pipeline")
for stage_command in STAGES:
    app.command()(stage_command)


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
    protocol: Annotated[
        str, typer.Option(help="Compare by its rules: coco (files of results) or tt100k (these or outputs).")
    ] = "",
    annotations: Annotated[Path | None, typer.Option(help="The truth (with --protocol).")] = None,
    split: Split = None,
    score_scale: ScoreScale = None,
    score_threshold: ScoreThreshold = None,
    max_dets: MaxDets = None,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap over images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the figures here.")] = None,
) -> None:
    """Say whether B is better than A: difference of AP, top-1 or F1, and its 95 % interval over images."""
    from lowres.stages.outputs import check_outputs, write_json

    check_outputs({"--json": out}, inputs=[path for path in (a, b, annotations) if path is not None])
    given = {
        "split": split,
        "score_scale": score_scale,
        "score_threshold": score_threshold,
        "max_dets": max_dets,
    }
    if protocol or any(value is not None for value in (annotations, *given.values())):
        from lowres.comparing_files import compare_files

        rows = row, row_b or row
        files = compare_files(protocol, a, b, annotations, given=given, rows=rows, resamples=resamples, seed=seed)
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
    path: Annotated[Path, typer.Argument(help="A data set's folder or archive, or its annotation file.")],
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


if __name__ == "__main__":
    main()
