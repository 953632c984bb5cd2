"""The whole pipeline on this machine, each step a process: `kfp.local` with its SubprocessRunner, no cluster.

Checkpoints of the trainings are in the working folder's `.lowres/runs`, so a run that failed goes on there when it is
started again, although its steps and their outputs have new names.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from kfp import local
from kfp.dsl.graph_component import GraphComponent
from kfp.local import SubprocessRunner

from lowres.steps.failing import LAST_WORDS
from lowres.storage.address import check_endpoint, split_address
from pipelines.arguments import arguments_of
from pipelines.placement import Placement
from pipelines.sweep import Sweep, sweep_arguments, sweep_pipeline, variants_of
from pipelines.training import training_pipeline

# Nothing is pulled: a step is a process of this Python.
THIS_PYTHON = f"this-python@sha256:{'0' * 64}"


def run_locally(
    params: Path, *, root: Path, publish_to: str = "", endpoint_url: str = "", sweep: Sweep | None = None
) -> None:
    """Run every step, outputs under `root`, and below `publish_to` if it is an S3 address; with `sweep`, its pipeline.

    ValueError with the failed step's own line if one fails.
    """
    arguments = arguments_of(params) if sweep is None else sweep_arguments(params)
    if sweep is not None and publish_to:
        raise ValueError("a sweep publishes nothing; leave --publish-to out")
    if endpoint_url and not publish_to:
        raise ValueError("--endpoint-url is the store of --publish-to; give both")
    if endpoint_url:
        check_endpoint(endpoint_url)
    if publish_to:
        split_address(publish_to)
        arguments |= {"publish_to": publish_to, "remote_endpoint": endpoint_url}
    variants = [] if sweep is None else variants_of(params, sweep)
    _refuse_python3(arguments | {"sweep": json.dumps(variants)}, root)
    if sweep is None:
        run_here(partial(training_pipeline, publish=bool(publish_to)), arguments, root=root)
    else:
        run_here(partial(sweep_pipeline, variants=variants), arguments, root=root)


def run_here(pipeline: Callable[[Placement], GraphComponent], arguments: Mapping[str, str], *, root: Path) -> None:
    """Place a pipeline on this machine and run it; ValueError with the failed step's own line if one fails."""
    with tempfile.TemporaryDirectory() as scratch:
        last_words = Path(scratch) / "last-words"
        last_words.touch()
        os.environ[LAST_WORDS] = str(last_words)
        local.init(runner=SubprocessRunner(use_venv=False), pipeline_root=str(root))
        try:
            with warnings.catch_warnings():
                # What a cluster would do with images and resources has no meaning here.
                warnings.filterwarnings("ignore", message="Task .* have no effect")
                warnings.filterwarnings("ignore", message="You may be attemping to run a task")
                pipeline(Placement(image=THIS_PYTHON, retries=0))(**arguments)
        except RuntimeError as error:
            said = last_words.read_text().strip().removeprefix("error: ")
            raise ValueError(f"the pipeline failed: {said or error}") from error
        finally:
            del os.environ[LAST_WORDS]


def _refuse_python3(arguments: Mapping[str, str], root: Path) -> None:
    # The runner replaces the word in a step's arguments and paths by the path of the interpreter.
    for name, text in {"root": json.dumps(str(root.resolve())), **arguments}.items():
        if "python3" in text:
            raise ValueError(f"{name}: holds the word 'python3', which kfp's local runner would replace; name it anew")
