"""A pipeline as the YAML that Kubeflow reads, with the values of a params file as its defaults."""

import tempfile
from pathlib import Path

from kfp import compiler
from kfp.dsl.graph_component import GraphComponent

from pipelines.arguments import arguments_of
from pipelines.placement import Placement
from pipelines.sweep import Sweep, sweep_arguments, sweep_pipeline, variants_of
from pipelines.training import training_pipeline


def compile_training(
    out: Path, *, params: Path, placement: Placement, fetch: bool = False, publish: bool = False
) -> None:
    """Write the training pipeline to `out`, whole or not at all; `fetch` and `publish` as in `training_pipeline`."""
    arguments = arguments_of(params)
    _write(training_pipeline(placement, fetch=fetch, publish=publish), arguments, out)


def compile_sweep(out: Path, *, params: Path, placement: Placement, sweep: Sweep, fetch: bool = False) -> None:
    """Write the pipeline of a sweep to `out`, whole or not at all; `fetch` as in `training_pipeline`."""
    pipeline = sweep_pipeline(placement, variants_of(params, sweep), parallel=sweep.parallel, fetch=fetch)
    _write(pipeline, sweep_arguments(params), out)


def _write(pipeline: GraphComponent, arguments: dict[str, str], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".compile-") as scratch:
        path = Path(scratch) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, package_path=str(path), pipeline_parameters=arguments)
        path.replace(out)
