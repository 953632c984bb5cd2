"""Send a pipeline to a server and start it, once or by a schedule; what a failure leaves half done is taken back.

What cannot be taken back is named in the error, and what stays since a request may have been done without an answer.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kfp_server_api

from pipelines.package import Package
from pipelines.server import NoAnswerError, Server


@dataclass(frozen=True)
class Uploaded:
    """Ids on the server that a run refers to."""

    pipeline_id: str
    version_id: str
    experiment_id: str


def run_name(params: Path, preset: str) -> str:
    """The preset's or file's name and the time, UTC."""
    return f"{preset or params.stem} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def start_run(server: Server, package: Package, *, name: str, experiment: str) -> str:
    """Upload, start a run and return its id; ValueError leaves the server as it was, or says what it left."""
    with ExitStack() as undo:
        there = upload(server, package, experiment=experiment, undo=undo)
        with server.doing("start a run"):
            run = server.client.run_pipeline(
                there.experiment_id,
                name,
                params=package.arguments,
                pipeline_id=there.pipeline_id,
                version_id=there.version_id,
            )
        undo.pop_all()
    return id_from(run.run_id, "start a run")


def id_from(given: str | None, what: str) -> str:
    """The id of what was made; ValueError for an answer without one."""
    if not given:
        raise ValueError(f"{what}: the server's answer names no id; its page shows whether it was done all the same")
    return given


def upload(server: Server, package: Package, *, experiment: str, undo: ExitStack) -> Uploaded:
    """Make sure that the server has experiment, pipeline and version; each that is made can be taken back by `undo`.

    A version is named after its content, so a pipeline that the server has already is not sent again.
    """
    client = server.client

    def take_back(what: str, delete: Callable[..., Any], *ids: str) -> None:
        def taken_back(kind: object, error: BaseException | None, trace: object) -> None:
            if isinstance(error, NoAnswerError):  # what may have been made refers to it
                raise NoAnswerError(f"{error}; {what} stays on the server") from None
            try:
                with server.doing("take back"):
                    delete(*ids)
            except ValueError:  # the error that leads here is the one to tell
                told = str(error) or type(error).__name__
                raise ValueError(f"{told}; {what} stays on the server") from None

        undo.push(taken_back)

    with server.doing(f"look up experiment {experiment!r}", changes=False):
        known = _experiment_id(server, experiment)
    if not known:
        with server.doing(f"make experiment {experiment!r}"):
            known = client.create_experiment(experiment, namespace=server.namespace or None).experiment_id
        take_back(f"experiment {experiment!r}", client.delete_experiment, known)
    with server.doing(f"look up pipeline {package.pipeline!r}", changes=False):
        pipeline_id = _pipeline_id(server, package.pipeline)
    if not pipeline_id:
        with server.doing(f"make pipeline {package.pipeline!r}"):
            made = client.pipelines.pipeline_service_create_pipeline(
                pipeline=kfp_server_api.V2beta1Pipeline(
                    display_name=package.pipeline, namespace=server.namespace or None
                )
            )
            pipeline_id = made.pipeline_id
        take_back(f"pipeline {package.pipeline!r}", client.delete_pipeline, pipeline_id)
    with server.doing("look up the pipeline's versions", changes=False):
        version_id = _version_id(server, pipeline_id, package.version)
    if not version_id:
        with server.doing("upload the pipeline"):
            version = client.upload_pipeline_version(
                str(package.path), pipeline_version_name=package.version, pipeline_id=pipeline_id
            )
            version_id = version.pipeline_version_id
        take_back(f"its version {package.version!r}", client.delete_pipeline_version, pipeline_id, version_id)
    return Uploaded(pipeline_id, version_id, known)


def _experiment_id(server: Server, name: str) -> str:
    listed = server.client.list_experiments(namespace=server.namespace, filter=_named(name))
    return listed.experiments[0].experiment_id if listed.experiments else ""


def _pipeline_id(server: Server, name: str) -> str:
    # Not kfp's own get_pipeline_id, which finds no pipeline of a namespace.
    listed = server.client.list_pipelines(namespace=server.namespace or None, filter=_named(name))
    return listed.pipelines[0].pipeline_id if listed.pipelines else ""


def _version_id(server: Server, pipeline_id: str, name: str) -> str:
    listed = server.client.list_pipeline_versions(pipeline_id, filter=_named(name))
    return listed.pipeline_versions[0].pipeline_version_id if listed.pipeline_versions else ""


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})
