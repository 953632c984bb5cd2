"""A stage as a step of a pipeline: parameters come as text, paths from artifacts, results are shown in the UI."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowres.config.params import fingerprint
from lowres.engine.launch import ranks_wanted
from lowres.models.checksum import sha256_of
from lowres.stages.outputs import read_json
from lowres.stages.provenance import data_identity
from lowres.steps.artifacts import Artifact, ConfusionMatrix, Metrics
from lowres.steps.failing import one_line_errors
from lowres.steps.gpus import check_gpus
from lowres.steps.mirroring import mirrored_checkpoints
from lowres.steps.origin import made_by
from lowres.steps.ranks import run_on_ranks
from lowres.steps.sections import parse_sections
from lowres.steps.showing import show_confusion, show_report, show_scalars


def run_stage(
    stage: Callable[..., dict[str, Any]],
    sections: Mapping[str, str],
    *,
    params_text: str | None = None,
    metrics: Metrics | None = None,
    confusion: ConfusionMatrix | None = None,
    page: Artifact | None = None,
    verdict: Artifact | None = None,
    on_every_gpu: bool = False,
    **artifacts: Artifact | Mapping[str, Artifact],
) -> None:
    """Run a stage on the paths of `artifacts`, named as the stage names them; those of `out_...` are its outputs.

    `sections` are JSON texts in the order of the stage's positional arguments. Several artifacts under one name
    become one folder. `params_text`, a JSON string, is for stages that tell of the whole params.yaml. With
    `on_every_gpu`, a pod that has several runs a process for each. `metrics` shows the stage's numbers in the UI: as
    metadata, since its file does not reach every bucket. Outputs, and what else the UI shows, get metadata: hashes of
    data, configuration, code and weights, the commit and the image; the md5 by which data were fetched, as `data` say.
    """
    with one_line_errors(), mirrored_checkpoints(), tempfile.TemporaryDirectory() as scratch:
        check_gpus()
        places = {name: _place(given, Path(scratch) / name) for name, given in artifacts.items()}
        if params_text is not None:
            places["params_file"] = Path(scratch) / "params.yaml"
            places["params_file"].write_text(json.loads(params_text))
        count = ranks_wanted() if on_every_gpu else 1
        if count > 1:
            values = run_on_ranks(stage, sections, places, count=count)
        else:
            values = stage(*parse_sections(sections), **places)
        if metrics is not None:
            left_out = show_scalars(values, metrics)
            if left_out:
                print(f"no scalars, so not shown in the UI: {', '.join(left_out)}")
        if confusion is not None:
            show_confusion(read_json(places["out_evaluation"] / "details.json"), confusion)
        if page is not None and verdict is not None:
            show_report(places["out_report"], page=page, verdict=verdict)
        origin = _origin(sections, data=places.get("data", places.get("out_data"))) | _fetched_as(artifacts.get("data"))
        for name, given in artifacts.items():
            if name.startswith("out_"):
                assert not isinstance(given, Mapping)
                given.metadata.update(origin | _weights(places[name]))
        for shown in (confusion, page, verdict):
            if shown is not None:
                shown.metadata.update(origin)


def _place(given: Artifact | Mapping[str, Artifact], folder: Path) -> Path:
    if not isinstance(given, Mapping):
        return Path(given.path)
    folder.mkdir()
    for name, artifact in given.items():
        (folder / name).symlink_to(Path(artifact.path).resolve())
    return folder


def _origin(sections: Mapping[str, str], *, data: Path | None) -> dict[str, str]:
    assert data is not None
    return {"data": data_identity(data), "config": fingerprint(dict(sections)), **made_by()}


def _fetched_as(data: Artifact | Mapping[str, Artifact] | None) -> dict[str, str]:
    """The md5 that dvc.lock has of the data; only fetch knows it, and its output tells every step after it."""
    if data is None or isinstance(data, Mapping):
        return {}
    return {name: md5 for name, md5 in data.metadata.items() if name == "data_md5"}


def _weights(folder: Path) -> dict[str, str]:
    path = folder / "model.safetensors"
    return {"model_sha256": sha256_of(path)} if path.is_file() else {}
