"""A pipeline as the YAML that Kubeflow reads, with the values of a params file as its defaults."""

import tempfile
from pathlib import Path

from kfp import compiler

from pipelines.arguments import arguments_of
from pipelines.placement import Placement
from pipelines.training import training_pipeline


def compile_training(out: Path, *, params: Path, placement: Placement) -> None:
    """Write the training pipeline to `out`, whole or not at all."""
    arguments = arguments_of(params)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".compile-") as scratch:
        path = Path(scratch) / "pipeline.yaml"
        compiler.Compiler().compile(training_pipeline(placement), package_path=str(path), pipeline_parameters=arguments)
        path.replace(out)
