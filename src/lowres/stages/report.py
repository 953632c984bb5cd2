"""report: one page about one run."""

import json
from pathlib import Path
from typing import Any

from lowres.config.params import Report
from lowres.stages.outputs import read_json, whole_folder
from lowres.stages.provenance import made_from, provenance, require_in_force, require_same_data
from lowres.stages.reporting.choose import reporting_kit_of
from lowres.stages.reporting.kit import Facts

STAGES = ("teacher", "downsampler", "baseline", "distill")


def run(
    task_name: str,
    report: Report,
    *,
    data: Path,
    evaluation: Path,
    export: Path,
    histories: Path,
    params_file: Path,
    out_report: Path,
) -> dict[str, Any]:
    """Gather what the other stages wrote and write `index.html` and `summary.txt`.

    ValueError where the params file or the data are no longer those that the models and the evaluation were made from.
    """
    kit = reporting_kit_of(task_name)
    details, model = read_json(evaluation / "details.json"), read_json(export / "config.json")
    require_in_force({export: made_from(model), evaluation: details.get("sections", {})}, params_file)
    for made, identity in ((export, model["provenance"].get("data")), (evaluation, details.get("data"))):
        require_same_data(identity, data, made=made)
    facts = Facts(
        title=report.title,
        num_examples=report.num_examples,
        details=details,
        histories={stage: _history(histories / stage) for stage in STAGES},
        params_yaml=params_file.read_text(),
        provenance=provenance(params_file, data)
        | {
            "split": details["split"],
            "machine": details["machine"],
            "export": read_json(export / "parity.json"),
            "data check": {split: kit.counts(part) for split, part in read_json(data / "check.json").items()},
        },
        notes=_notes(data),
    )
    page = kit.page(facts, data=data, evaluation=evaluation)
    with whole_folder(out_report) as folder:
        (folder / "index.html").write_text(page.html)
        (folder / "summary.txt").write_text(page.summary + "\n")
    return {"bytes": len(page.html)}


def _notes(data: Path) -> list[str]:
    val, test = ((data / split / "annotations.json").read_bytes() for split in ("val", "test"))
    if val != test:
        return []
    return ["The test split is the validation split, on which the weights were chosen: the source has no other."]


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
