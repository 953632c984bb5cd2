"""A pipeline as the YAML that Kubeflow reads, with the values of a params file as its defaults."""

import tempfile
from pathlib import Path

from kfp import compiler

from pipelines.arguments import arguments_of
from pipelines.placement import Placement
from pipelines.training import training_pipeline


def compile_training(
    out: Path, *, params: Path, placement: Placement, fetch: bool = False, publish: bool = False
) -> None:
    """Write the training pipeline to `out`, whole or not at all; `fetch` and `publish` as in `training_pipeline`."""
    arguments = arguments_of(params)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".compile-") as scratch:
        path = Path(scratch) / "pipeline.yaml"
        pipeline = training_pipeline(placement, fetch=fetch, publish=publish)
        compiler.Compiler().compile(pipeline, package_path=str(path), pipeline_parameters=arguments)
        path.replace(out)
