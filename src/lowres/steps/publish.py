"""A run's outputs to a bucket, in the layout of a working folder, with a record of what made them.

`lowres pipeline adopt` reads them. Kubeflow's own names of artifacts hold numbers that only its database knows, and
outputs from its cache lie under other runs.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lowres
from lowres.stages.outputs import write_json
from lowres.stages.provenance import commit
from lowres.steps.artifacts import Artifact
from lowres.steps.failing import one_line_errors
from lowres.steps.places import PLACES
from lowres.storage.push import push_folder

RECORD = "run.json"
FORMAT = 1
DATA = PLACES["prepare", "splits"]


def publish_outputs(
    *, publish_to: str, endpoint_url: str, run: str, params_file: str, data_md5: str, **outputs: Artifact
) -> None:
    """Push the outputs, named `<step>_<output>`, to `<publish_to>/<run>`; ends the process with one line on failure.

    Data with an md5 are in a DVC remote already and stay there. `params_file` is the text of params.yaml as JSON.
    """
    with one_line_errors(), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for (step, output), place in PLACES.items():
            if place != DATA or not data_md5:
                _copy(Path(outputs[f"{step}_{output}"].path), folder / place)
        write_json(folder / RECORD, _record(run, params_file, data_md5, outputs))
        address = f"{publish_to.rstrip('/')}/{run}"
        report = push_folder(folder, address, endpoint_url=endpoint_url or None)
        print(f"{address}: {report['files']} files, {report['bytes']} bytes")


def code_files(package: Path) -> dict[str, str]:
    """The sha256 of every source file and template of the package, by its path below the package's folder."""
    paths = [path for suffix in ("py", "html", "md") for path in package.rglob(f"*.{suffix}")]
    return {path.relative_to(package).as_posix(): _sha256(path) for path in sorted(paths)}


def _record(run: str, params_file: str, data_md5: str, outputs: Mapping[str, Artifact]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "run": run,
        "params": json.loads(params_file),
        "data_md5": data_md5,
        "commit": commit() or "none",
        "image": os.environ.get("LOWRES_IMAGE", "none"),
        "code": code_files(Path(lowres.__file__).parent),
        # A step from Kubeflow's cache may have run in an earlier run; its metadata say with which code.
        "artifacts": {name: _plain(output.metadata) for name, output in sorted(outputs.items())},
    }


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copyfile(source, target)
    else:
        raise ValueError(f"{source}: missing; the step that writes {target.name} left no output")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
