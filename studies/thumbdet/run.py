"""Run the arms of the ThumbDet study that have no result yet, one on each core; kill it and call it again.

    make study-thumbdet            # all arms
    python -m studies.thumbdet.run --group main --seed 0
    python -m studies.thumbdet.run --jobs 1     # one arm at a time, in this process, on all cores

It needs the outputs of the demo preset (data and teacher); `make demo` makes them. An arm leaves one small JSON in
`studies/thumbdet/results/`; an arm under way resumes from its checkpoint. Arms are left out, and named, where their
group and seed have results of another teacher, or of one that is not here: another machine would train one with other
bits. Move those results away to run them all anew. Weights are chosen on the validation split; accuracy is measured on
the test split, except for the group `tune`, which chooses our terms and never sees it.
"""

import argparse
import copy
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from studies.results import has_result
from studies.side_by_side import default_jobs, run_side_by_side
from studies.thumbdet.arms import (
    DOWNSAMPLER_STEPS,
    EVALUATE_EVERY_STEPS,
    NARROW,
    TEACHER_DENOISING,
    TERMS,
    Arm,
    all_arms,
)

from lowres.config.params import fingerprint, parse_params
from lowres.data.truth import load_truth
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.cost import count_parameters, multiply_adds
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_detector
from lowres.models.checksum import sha256_of
from lowres.stages import distill, downsampler, teacher
from lowres.stages.batches import choose_device, eval_batches
from lowres.stages.outputs import write_json
from lowres.stages.provenance import code_identity, data_identity
from lowres.tasks.detect import detect_batches

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROOT = HERE.parents[1]
PRESET = ROOT / "presets/thumbdet-demo.yaml"
OUTPUTS = Path(os.environ.get("LOWRES_STUDY_OUTPUTS", "outputs")).resolve()
DATA = OUTPUTS / "data"
WORK = OUTPUTS.parent / ".lowres/studies/thumbdet"


def values_of(arm: Arm) -> dict[str, Any]:
    """The demo preset with the arm's changes, as plain values."""
    values: dict[str, Any] = YAML(typ="safe").load(PRESET.read_text())
    section, student = values["downsampler"], values["distill"]
    section["kind"], section["ratio"] = arm.kind, arm.ratio
    if arm.kind == "learned":
        section["train"] |= {"seed": arm.seed, "steps": DOWNSAMPLER_STEPS}
        section["options"] |= {"skip": arm.skip, "layers": arm.layers, "hidden_channels": arm.hidden_channels}
        section["options"]["channels"] = arm.channels
    else:
        section |= {"options": {}, "terms": {}, "train": None}
        student["train"]["optimiser"]["groups"] = []  # the preset's is the learned down-sampler's
        student["train_downsampler"] = False
    student |= {"init": arm.init, "stride_shift": arm.stride_shift, "terms": copy.deepcopy(TERMS[arm.terms])}
    student["train"]["seed"] = arm.seed
    # The demo's own numbers may change with the time that it has; the study's stay.
    student["train"] |= {"steps": arm.steps, "evaluate_every_steps": EVALUATE_EVERY_STEPS}
    student["train"]["optimiser"]["lr"] = arm.lr or student["train"]["optimiser"]["lr"]
    if arm.downsampler_lr_factor is not None:
        group = {"match": r"\bdownsampler\b", "lr_factor": arm.downsampler_lr_factor}
        student["train"]["optimiser"]["groups"] = [] if arm.downsampler_lr_factor == 1 else [group]
    if arm.num_denoising is not None:
        student["model"]["config"]["num_denoising"] = arm.num_denoising
    if arm.narrow:
        model = copy.deepcopy(student["model"])
        model["config"] |= NARROW
        student["model"] = model
    return values


def params_hash(arm: Arm) -> str:
    """Of all that the arm trains with, whatever its seed: runs of one arm must agree in it."""
    values = values_of(replace(arm, seed=0))
    # So the first results had it; a fixed down-sampler has nothing to train, whatever this says.
    values["distill"]["train_downsampler"] = True
    return fingerprint(values["data"]["input"], values["downsampler"], values["distill"])


def is_done(arm: Arm) -> bool:
    """Whether the arm has a result; one made with other parameters is refused."""
    return has_result(RESULTS / f"{arm.key}.json", params=params_hash(arm))


def teacher_folder(arm: Arm) -> Path:
    """Where the arm's teacher is, or will be."""
    return OUTPUTS / "teacher" if arm.teacher_steps is None else WORK / f"teacher-{arm.teacher_steps}-steps"


def teacher_of(arm: Arm) -> Path:
    """The folder of the arm's teacher; one that the demo did not train is trained here, once for all its arms."""
    folder = teacher_folder(arm)
    if arm.teacher_steps is not None and not folder.is_dir():
        values = YAML(typ="safe").load(PRESET.read_text())
        values["teacher"]["train"]["steps"] = arm.teacher_steps
        values["teacher"]["model"]["config"]["num_denoising"] = TEACHER_DENOISING
        params = parse_params(values, origin=folder.name)
        teacher.run(
            params.task,
            params.teacher,
            params.data.input,
            data=DATA,
            out_model=folder,
            out_metrics=folder.with_suffix(".json"),
            out_history=folder.with_name(f"{folder.name}-history"),
        )
    return folder


def comparable(arms: Sequence[Arm]) -> list[Arm]:
    """Those of `arms` whose group and seed have no results of another teacher than the one here; prints the others.

    Arms of a seed are compared, so their summary refuses two teachers. `tune` is spared: it chooses, and names them.
    Where there are such results and no teacher, none is trained: it would cost an hour to have other bits.
    """
    found = teachers_of_results()
    here = {arm: teacher_folder(arm) / "model.safetensors" for arm in arms}
    hashes = {path: sha256_of(path) for path in set(here.values()) if path.is_file()}
    kept, left_out = [], {}
    for arm in arms:
        theirs = found.get((arm.group, arm.seed), set())
        if arm.group == "tune" or theirs <= {hashes.get(here[arm])}:
            kept.append(arm)
        else:
            left_out.setdefault(f"{arm.group}, seed {arm.seed}", sorted(digest[:8] for digest in theirs))
    if left_out:
        listed = "; ".join(f"{name}: {', '.join(digests)}" for name, digests in left_out.items())
        print(
            f"{len(arms) - len(kept)} arms are left out, whose group and seed have results of a teacher that is not "
            f"here ({listed}); move those results out of {RESULTS} to run them anew",
            flush=True,
        )
    return kept


def teachers_of_results() -> dict[tuple[str, int], set[str]]:
    """Hashes of the teachers that results have, by group and seed."""
    found: dict[tuple[str, int], set[str]] = {}
    for arm in all_arms():
        path = RESULTS / f"{arm.key}.json"
        if path.is_file():
            found.setdefault((arm.group, arm.seed), set()).add(json.loads(path.read_text())["teacher"]["sha256"])
    return found


def run_arm(arm: Arm) -> dict[str, Any]:
    """Train the arm's down-sampler and student, measure the student on the test split."""
    params = parse_params(values_of(arm), origin=arm.key)
    sizing = params.data.input
    work = WORK / arm.key
    guide = teacher_of(arm)
    began = time.monotonic()
    downsampler.run(
        params.task,
        params.downsampler,
        sizing,
        data=DATA,
        out_model=work / "downsampler",
        out_metrics=work / "downsampler.json",
        out_history=work / "history/downsampler",
    )
    trained = distill.run(
        params.task,
        params.distill,
        sizing,
        data=DATA,
        teacher=guide,
        downsampler=work / "downsampler",
        out_model=work / "student",
        out_metrics=work / "distill.json",
        out_history=work / "history/distill",
    )
    model, spec = load_detector(work / "student")
    batch = next(iter(eval_batches(DATA / "val", sizing, batch_size=1))).to("cpu")
    result = {
        "arm": vars(arm),
        "params": params_hash(arm),
        "val": trained["val"],
        "best_step": trained["best_step"],
        "parameters": count_parameters(model),
        "multiply_adds": multiply_adds(model, (batch.pixels, batch.mask)),
        "teacher": {
            "sha256": sha256_of(guide / "model.safetensors"),
            "val_ap": json.loads((guide / "config.json").read_text())["provenance"]["val"]["ap"],
        },
        "data": data_identity(DATA),
        "code_sha256": code_identity(),
        "machine": machine_facts(),
    }
    if arm.group != "tune":
        device = choose_device()
        truth = load_truth(DATA / "test")
        batches = eval_batches(DATA / "test", sizing, batch_size=16)
        found = detect_batches(model.to(device), batches, max_detections=100, device=device)
        metrics = evaluate_detections(truth, found, class_names=spec.class_names, thumbnail_ratio=4)
        result["test"] = {name: getattr(metrics, name) for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium")}
        result["by_thumbnail_size"] = [vars(size) for size in metrics.by_thumbnail_size]
    return result | {"seconds": round(time.monotonic() - began)}


def finish(arm: Arm) -> None:
    """Run an arm in this process and write its result."""
    print(f"== {arm.key}", flush=True)
    result = run_arm(arm)
    write_json(RESULTS / f"{arm.key}.json", result)
    shutil.rmtree(WORK / arm.key / "history")
    print(f"== {arm.key}: val AP {result['val']['ap']:.3f} in {result['seconds']} s", flush=True)


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--arm", help="the key of one arm")
    parser.add_argument(
        "--jobs", type=int, default=default_jobs(), help="arms at a time, each in its own process (%(default)s)"
    )
    options = parser.parse_args()
    arms = [
        arm
        for arm in all_arms()
        if options.group in (None, arm.group) and options.seed in (None, arm.seed) and options.arm in (None, arm.key)
    ]
    if not arms:
        raise SystemExit("no such arm")
    missing = [arm for arm in arms if not is_done(arm)]
    print(f"{len(arms) - len(missing)} of {len(arms)} arms are done", flush=True)
    weights = OUTPUTS / "teacher/model.safetensors"
    if missing and not weights.is_file():
        raise SystemExit(f"{weights} is not there; `make demo` makes data and teacher")
    WORK.mkdir(parents=True, exist_ok=True)
    missing = comparable(missing)
    for arm in {teacher_folder(arm): arm for arm in missing}.values():
        teacher_of(arm)  # before its arms, on all cores: side by side they would wait for one another's
    if options.jobs == 1:
        for arm in missing:
            finish(arm)
        return
    keys = [arm.key for arm in missing]
    environment = {"LOWRES_STUDY_OUTPUTS": str(OUTPUTS)}
    run_side_by_side("studies.thumbdet.run", keys, work=WORK, jobs=options.jobs, environment=environment)


if __name__ == "__main__":
    main()
