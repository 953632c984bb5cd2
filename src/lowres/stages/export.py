"""export: the student as ONNX, from raw pixels to what it finds, proven equal before it gets its name; its card."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lowres.config.data import Input
from lowres.config.params import Export
from lowres.evaluation.cost import count_parameters
from lowres.export.model_card import write_model_card
from lowres.models.artifact import load_model
from lowres.models.checksum import record_sha256
from lowres.stages.classes import require_fit
from lowres.stages.exporting.card_facts import origin
from lowres.stages.exporting.choose import exporting_kit_of
from lowres.stages.outputs import read_json, whole_folder, write_json
from lowres.stages.provenance import made_from, provenance, require_in_force, require_same_data


def run(
    task_name: str,
    export: Export,
    sizing: Input,
    *,
    data: Path,
    student: Path,
    evaluation: Path,
    params_file: Path,
    out_export: Path,
    out_metrics: Path,
) -> dict[str, Any]:
    """Write the ONNX files, weights and configuration for PyTorch, parity.json and the card; refuse what differs.

    Also refused is what would be told with the configuration or the data of another run.
    """
    kit = exporting_kit_of(task_name)
    model, spec = load_model(student)
    val = data / "val"
    require_fit(spec, student, task=task_name, sizing=sizing, split=val)
    details = read_json(evaluation / "details.json")
    require_in_force({student: made_from(asdict(spec)), evaluation: details.get("sections", {})}, params_file)
    for made, identity in ((student, spec.provenance.get("data")), (evaluation, details.get("data"))):
        require_same_data(identity, data, made=made)
    facts = provenance(params_file, data)
    metadata = {
        "class_names": json.dumps(spec.class_names),
        "category_ids": json.dumps(spec.category_ids),
        "input": json.dumps(sizing.model_dump()),
        "data_id": facts["data"],
        "config_hash": facts["config_sha256"],
        "commit": facts["commit"] or "none",
    }
    with whole_folder(out_export) as folder:
        path = folder / "model.onnx"
        parity = kit.write(model, path, export, sizing, spec=spec, split=val, metadata=metadata)
        for name in ("model.safetensors", "model.safetensors.sha256", "config.json"):
            shutil.copyfile(student / name, folder / name)
        for decides in (folder / "config.json", *folder.glob("*.onnx")):
            record_sha256(decides)
        write_json(folder / "parity.json", parity.figures)
        card = {
            **kit.card(spec, sizing, parameters=count_parameters(model), details=details),
            **origin(spec, read_json(data / "check.json"), facts),
            "parity": parity.figures,
        }
        write_model_card(folder / "README.md", card, template=kit.card_template)
    print(parity.summary)
    write_json(out_metrics, parity.figures)
    return parity.figures
