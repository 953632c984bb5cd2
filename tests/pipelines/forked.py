"""`lowres ARGUMENTS` where each step of a local pipeline is a fork of this process: most of a tiny run are imports.

    python -m tests.pipelines.forked pipeline run --local

All else is kfp's: its orchestration, the source of the component as compiled, its executor.
"""

import importlib
import logging
import os
import pkgutil
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

from kfp.dsl import executor_main
from kfp.local import subprocess_task_handler

import lowres.stages
from lowres.cli import main

SHELL = ["sh", "-ec"]


def run_forked(full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
    """In place of kfp's `run_local_subprocess`: what its shell script does, in a fork; returns the exit code."""
    assert full_command[:2] == SHELL
    script, source, *arguments = full_command[2:]
    assert "-m kfp.dsl.executor_main" in script
    step = get_context("fork").Process(target=_execute, args=(source, arguments, env_vars or {}))
    sys.stdout.flush()
    step.start()
    step.join()
    assert step.exitcode is not None
    return step.exitcode


def _execute(source: str, arguments: list[str], env_vars: dict[str, str]) -> None:
    os.environ |= {**env_vars, "_KFP_RUNTIME": "true"}
    logging.getLogger().handlers.clear()  # the executor sets up its own where there are none
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "ephemeral_component.py"
        program.write_text(source)
        sys.argv = ["executor_main", "--component_module_path", str(program), *arguments]
        executor_main.executor_main()


def import_what_steps_import() -> None:
    """So that no fork has to; a detector's would still import transformers."""
    for module in pkgutil.iter_modules(lowres.stages.__path__, "lowres.stages."):
        importlib.import_module(module.name)


if __name__ == "__main__":
    import_what_steps_import()
    with patch.object(subprocess_task_handler, "run_local_subprocess", run_forked):
        main()
