"""Run the arms of the DFD study that have no result yet, one on each core; kill it and call it again.

    make study-dfd                                   # all arms but those of group `full`
    python -m studies.dfd.run --group main --seed 0
    python -m studies.dfd.run --group full --jobs 1  # the published ResNet-18 for 100 epochs: for a GPU, see gpu.sh

It reads CIFAR-10 as mosaics (`lowres.data.image_mosaics`) from --data, `data/cifar10` unless said otherwise, and holds
5,000 training images out as validation split. An arm leaves one small JSON in `studies/dfd/results/`; an arm under
way resumes from its checkpoint. Arms are left out, and named, where their network and seed have students of another
teacher, or of one that is not here: another machine would train one with other bits. With --seed or --arm it is
trained all the same, and the arms run if its bits are those of the results. Weights are chosen on the validation
split; both splits are measured, and what is chosen among arms is chosen by validation.
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
from studies.dfd.arms import TERMS, Arm, all_arms
from studies.results import has_result
from studies.side_by_side import default_jobs, run_side_by_side

from lowres.config.params import Params, fingerprint, parse_params
from lowres.data.resident import evaluation_batches, load_resident
from lowres.evaluation.classification import evaluate_classes
from lowres.evaluation.cost import count_parameters, multiply_adds
from lowres.evaluation.machine import machine_facts
from lowres.models.artifact import load_model
from lowres.models.checksum import sha256_of
from lowres.models.thumbnail_classifier import ThumbnailClassifier
from lowres.stages import baseline, distill, downsampler, prepare, teacher
from lowres.stages.batches import choose_device
from lowres.stages.outputs import write_json
from lowres.stages.provenance import code_identity, data_identity
from lowres.tasks.classification import classify_batches

HERE = Path(__file__).parent
RESULTS = HERE / "results"
ROOT = HERE.parents[1]
WORK = Path(os.environ.get("LOWRES_STUDY_WORK", ROOT / ".lowres/studies/dfd")).resolve()
DATA = WORK / "data"
SOURCE = os.environ.get("LOWRES_CIFAR10", "data/cifar10")

LEARNED = {"layers": 2, "hidden_channels": 12, "bias": False, "final_relu": False, "skip": "bicubic", "channels": 3}


def values_of(arm: Arm, *, root: str = "data/cifar10") -> dict[str, Any]:
    """The paper's preset with the arm's changes, as plain values.

    The schedule is a cosine, in place of steps: the paper gives none, and short trainings end better with it.
    """
    preset = ROOT / f"presets/dfd-cifar10-8-{arm.backbone}.yaml"
    values: dict[str, Any] = YAML(typ="safe").load(preset.read_text())
    values["data"]["source"] = {"kind": "mosaics", "root": root, "num_val": 5000, "seed": 0}
    values["teacher"]["model"]["width"] = arm.width
    student = values["distill"]
    for section in (values["teacher"], student):
        train = section["train"]
        train |= {"seed": arm.seed, "epochs": arm.epochs, "checkpoint_minutes": 1}
        train["schedule"] |= {"kind": "cosine", "drop_fractions": []}
        train["evaluate_every_steps"] = (45_000 // train["batch_size"]) * max(1, arm.epochs // 10)
    if arm.is_teacher:
        return values
    values["downsampler"]["ratio"] = 32 // arm.side_px
    student["pretrain_fraction"] = arm.pretrain_fraction
    if arm.terms is not None:
        student["terms"] = copy.deepcopy(TERMS[arm.terms])
    if arm.kind == "learned":
        # It starts as bicubic thumbnails and learns with the student, a tenth as fast: no batch norm follows it.
        values["downsampler"] |= {"kind": "learned", "options": dict(LEARNED), "terms": {}, "train": None}
        student["train_downsampler"] = True
        student["train"]["optimiser"]["groups"] = [{"match": r"\bdownsampler\b", "lr_factor": 0.1}]
    return values


def params_hash(arm: Arm) -> str:
    """Of all that the arm trains with, whatever its seed: runs of one arm must agree in it."""
    values = values_of(replace(arm, seed=0))
    sections = ("teacher",) if arm.is_teacher else ("teacher", "downsampler", "distill")
    return fingerprint(values["data"], arm.terms is None, *(values[section] for section in sections))


def is_done(arm: Arm) -> bool:
    """Whether the arm has a result; one made with other parameters is refused."""
    return has_result(RESULTS / f"{arm.key}.json", params=params_hash(arm))


def prepare_data(root: str) -> None:
    """Pack the splits where they are not there; all arms have the same. SystemExit where there is nothing to pack."""
    if not DATA.is_dir():
        if not Path(root).is_dir():
            raise SystemExit(f"{root} is no folder; --data or LOWRES_CIFAR10 names CIFAR-10 as mosaics")
        prepare.run(parse_params(values_of(all_arms()[0], root=root), origin="data").data, out_data=DATA)


def trained(arm: Arm, params: Params) -> Path:
    """The folder of the arm's model, trained where it is not there yet."""
    folder = WORK / arm.key / "model"
    if folder.is_dir():
        return folder
    outputs: dict[str, Any] = {
        "out_model": folder,
        "out_metrics": WORK / arm.key / "metrics.json",
        "out_history": WORK / arm.key / "history",
    }
    sizing = params.data.input
    if arm.is_teacher:
        teacher.run(params.task, params.teacher, sizing, data=DATA, **outputs)
        return folder
    module = WORK / arm.key / "downsampler"
    downsampler.run(
        params.task,
        params.downsampler,
        sizing,
        data=DATA,
        out_model=module,
        out_metrics=WORK / arm.key / "downsampler.json",
        out_history=WORK / arm.key / "downsampler-history",
    )
    inputs: dict[str, Any] = {"data": DATA, "teacher": WORK / arm.guide.key / "model", "downsampler": module}
    if arm.terms is None:
        baseline.run(params.task, params.baseline, params.distill, sizing, **inputs, **outputs)
    else:
        distill.run(params.task, params.distill, sizing, **inputs, **outputs)
    return folder


def measured(model: ThumbnailClassifier, split: str) -> dict[str, Any]:
    """Top-1 and calibration error on a split."""
    device = choose_device()
    resident = load_resident(DATA / split, side_px=32).to(device)
    found = classify_batches(model.to(device).eval(), evaluation_batches(resident, batch_size=512), device=device)
    metrics = evaluate_classes(found, resident.labels.cpu().numpy(), class_names=resident.class_names)
    return {name: getattr(metrics, name) for name in ("top1", "expected_calibration_error")}


def run_arm(arm: Arm, root: str) -> dict[str, Any]:
    """Train the arm's model, measure it."""
    params = parse_params(values_of(arm, root=root), origin=arm.key)
    began = time.monotonic()
    folder = trained(arm, params)
    seconds = time.monotonic() - began
    model, _ = load_model(folder)
    assert isinstance(model, ThumbnailClassifier)
    records = [json.loads(line) for line in (WORK / arm.key / "history/history.jsonl").read_text().splitlines()]
    speeds = sorted(record["images_per_second"] for record in records if "images_per_second" in record)
    resident = load_resident(DATA / "val", side_px=32)
    result = {
        "arm": vars(arm),
        "width": arm.width,
        "epochs": arm.epochs,
        "params": params_hash(arm),
        "val": measured(model, "val"),
        "test": measured(model, "test"),
        "images_per_second": speeds[len(speeds) // 2] if speeds else None,
        "parameters": count_parameters(model.cpu()),
        "multiply_adds": multiply_adds(model.cpu(), (resident.pixels[:1].float() / 255,)),
        "model": sha256_of(folder / "model.safetensors"),
        "data": data_identity(DATA),
        "code_sha256": code_identity(),
        "machine": machine_facts(),
        "seconds": round(seconds),
    }
    if not arm.is_teacher:
        result["teacher"], result["guide"] = teacher_hash(arm), teacher_hash(arm.guide)
    return result


def teacher_hash(arm: Arm) -> str:
    """Of the weights of the teacher of the arm's seed, which is there."""
    return sha256_of(WORK / arm.teacher.key / "model/model.safetensors")


def students_of_another(arm: Arm) -> list[str]:
    """Results of the arm's network and seed that have another teacher than the one here, or any where none is here.

    The summary takes differences within a seed and under one teacher, and leaves the others out.
    """
    here = teacher_hash(arm) if (WORK / arm.teacher.key / "model").is_dir() else None
    others = []
    for other in all_arms():
        path = RESULTS / f"{other.key}.json"
        if other.teacher == arm.teacher and not other.is_teacher and path.is_file():
            found = json.loads(path.read_text())["teacher"]
            others += [f"{other.key} ({found[:8]})"] if found != here else []
    return others


def refuse_another_teacher(arm: Arm) -> None:
    """SystemExit where results of the arm's network and seed have another teacher than the one that is here."""
    if others := students_of_another(arm):
        raise SystemExit(
            f"the teacher {arm.teacher.key} is {teacher_hash(arm)[:8]} here, but {', '.join(others)} had another: "
            f"choose another --seed, or remove these and {arm.teacher.key}.json from {RESULTS} to run the seed anew"
        )


def comparable(arms: Sequence[Arm]) -> list[Arm]:
    """Those of `arms` that results of their seed do not stand against; prints the teachers of the others."""
    teachers = {teacher for arm in arms for teacher in (arm.teacher, arm.guide)}
    left_out = {teacher for teacher in teachers if students_of_another(teacher)}
    if left_out:
        print(
            f"arms under {', '.join(sorted(teacher.key for teacher in left_out))} are left out: students in {RESULTS} "
            "had another teacher than the one here, or none is here. Remove their results to run the seed anew, or "
            "name it with --seed to train its teacher",
            flush=True,
        )
    return [arm for arm in arms if not {arm.teacher, arm.guide} & left_out]


def finish(arm: Arm, root: str) -> None:
    """Run an arm in this process and write its result."""
    print(f"== {arm.key}", flush=True)
    result = run_arm(arm, root)
    if arm.is_teacher:
        refuse_another_teacher(arm)
    write_json(RESULTS / f"{arm.key}.json", result)
    if not arm.is_teacher:
        shutil.rmtree(WORK / arm.key / "model")  # a teacher stays: its students need it
    print(f"== {arm.key}: val top-1 {result['val']['top1']:.3f} in {result['seconds']} s", flush=True)


def chosen_arms(options: argparse.Namespace) -> list[Arm]:
    """The arms that the command line asks for; `full` is for a GPU, and only by name."""
    arms = [
        arm
        for arm in all_arms()
        if options.arm == arm.key
        or (
            options.arm is None
            and options.group in ((None, arm.group) if arm.group != "full" else ("full",))
            and options.seed in (None, arm.seed)
            and options.backbone in (None, arm.backbone)
        )
    ]
    if not arms:
        raise SystemExit("no such arm")
    return arms


def main() -> None:
    """Run what is missing; teachers before their students."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group")
    parser.add_argument("--backbone")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--arm", help="the key of one arm")
    parser.add_argument("--data", default=SOURCE, help="%(default)s")
    parser.add_argument("--jobs", type=int, default=default_jobs(), help="arms at a time (%(default)s)")
    parser.add_argument("--prepare-only", action="store_true", help="prepare the data, where it is not, and run no arm")
    options = parser.parse_args()
    arms = chosen_arms(options)
    missing = [arm for arm in arms if not is_done(arm)]
    print(f"{len(arms) - len(missing)} of {len(arms)} arms are done", flush=True)
    if missing or options.prepare_only:
        prepare_data(options.data)
    if options.prepare_only:
        return
    if options.seed is None and options.arm is None:
        missing = comparable(missing)
    # A teacher whose weights are not here, because it was trained elsewhere, is trained again.
    needed = {teacher: None for arm in missing for teacher in (arm.teacher, arm.guide)}
    teachers = [arm for arm in needed if not (WORK / arm.key / "model").is_dir() or arm in missing]
    for arm in needed:
        if (WORK / arm.key / "model").is_dir():
            refuse_another_teacher(arm)
    students = [arm for arm in missing if not arm.is_teacher]
    if options.jobs == 1:
        for arm in [*teachers, *students]:
            finish(arm, options.data)
        return
    environment = {"LOWRES_STUDY_WORK": str(WORK), "LOWRES_CIFAR10": str(Path(options.data).resolve())}
    for part in (teachers, students):
        keys = [arm.key for arm in part]
        run_side_by_side("studies.dfd.run", keys, work=WORK, jobs=options.jobs, environment=environment)


if __name__ == "__main__":
    main()
