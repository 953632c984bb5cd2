"""Run the arms of the ThumbDet study that have no result yet, one after another; kill it and call it again.

    make study-thumbdet            # all arms
    python studies/thumbdet/run.py --group main --seed 0

It needs the outputs of the demo preset (data and teacher); `make demo` makes them. An arm leaves one small JSON in
`studies/thumbdet/results/`; an arm under way resumes from its checkpoint. Accuracy is measured on the test split,
weights are chosen on the validation split.
"""

import argparse
import copy
import json
import shutil
import time
from pathlib import Path
from typing import Any

from arms import NARROW, TERMS, Arm, all_arms
from ruamel.yaml import YAML

from lowres.config import Params, parse_params
from lowres.data.truth import load_truth
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.cost import count_parameters, multiply_adds
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_detector, sha256_of
from lowres.stages import distill, downsampler
from lowres.stages.batches import eval_batches
from lowres.stages.outputs import write_json
from lowres.stages.provenance import code_identity, data_identity
from lowres.tasks.detect import detect_batches

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PRESET = ROOT / "presets/thumbdet-demo.yaml"
DATA, TEACHER = Path("outputs/data"), Path("outputs/teacher")
WORK = Path(".lowres/studies/thumbdet")


def params_of(arm: Arm) -> Params:
    """The demo preset with the arm's changes."""
    values: dict[str, Any] = YAML(typ="safe").load(PRESET.read_text())
    section, student = values["downsampler"], values["distill"]
    section["kind"], section["ratio"] = arm.kind, arm.ratio
    if arm.kind == "learned":
        section["train"]["seed"] = arm.seed
    else:
        section |= {"options": {}, "terms": {}, "train": None}
    student |= {"init": arm.init, "stride_shift": arm.stride_shift, "terms": copy.deepcopy(TERMS[arm.terms])}
    student["train"]["seed"] = arm.seed
    if arm.narrow:
        model = copy.deepcopy(values["teacher"]["model"])
        model["config"] |= NARROW
        student["model"] = model
    return parse_params(values, origin=arm.key)


def run_arm(arm: Arm) -> dict[str, Any]:
    """Train the arm's down-sampler and student, measure the student on the test split."""
    params = params_of(arm)
    sizing = params.data.input
    work = WORK / arm.key
    began = time.monotonic()
    downsampler.run(
        params.downsampler,
        sizing,
        data=DATA,
        out_model=work / "downsampler",
        out_metrics=work / "downsampler.json",
        out_history=work / "history/downsampler",
    )
    trained = distill.run(
        params.distill,
        sizing,
        data=DATA,
        teacher=TEACHER,
        downsampler=work / "downsampler",
        out_model=work / "student",
        out_metrics=work / "distill.json",
        out_history=work / "history/distill",
    )
    model, spec = load_detector(work / "student")
    truth = load_truth(DATA / "test")
    found = detect_batches(model, eval_batches(DATA / "test", sizing, batch_size=16), max_detections=100)
    metrics = evaluate_detections(truth, found, class_names=spec.class_names, thumbnail_ratio=4)
    batch = next(iter(eval_batches(DATA / "test", sizing, batch_size=1)))
    teacher = json.loads((TEACHER / "config.json").read_text())["provenance"]
    return {
        "arm": {key: value for key, value in vars(arm).items() if key != "extra"},
        "test": {name: getattr(metrics, name) for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium")},
        "by_thumbnail_size": [vars(size) for size in metrics.by_thumbnail_size],
        "val": trained["val"],
        "best_step": trained["best_step"],
        "parameters": count_parameters(model),
        "multiply_adds": multiply_adds(model, (batch.pixels, batch.mask)),
        "seconds": round(time.monotonic() - began),
        "teacher": {"sha256": sha256_of(TEACHER / "model.safetensors"), "val_ap": teacher["val"]["ap"]},
        "data": data_identity(DATA),
        "code_sha256": code_identity(),
        "machine": machine_facts(),
    }


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    arms = [arm for arm in all_arms() if options.group in (None, arm.group) and options.seed in (None, arm.seed)]
    missing = [arm for arm in arms if not (HERE / "results" / f"{arm.key}.json").is_file()]
    print(f"{len(arms) - len(missing)} of {len(arms)} arms are done", flush=True)
    for number, arm in enumerate(missing, start=1):
        print(f"== {number}/{len(missing)} {arm.key}", flush=True)
        result = run_arm(arm)
        write_json(HERE / "results" / f"{arm.key}.json", result)
        shutil.rmtree(WORK / arm.key / "history")
        print(f"== {arm.key}: AP {result['test']['ap']:.3f} in {result['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
