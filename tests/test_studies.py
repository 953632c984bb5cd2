"""The arms of the studies are configurations that parse, and the results in the repository are theirs."""

import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from studies.dfd import run as dfd
from studies.dfd import summary, throughput
from studies.thumbdet import run as thumbdet

from lowres.config.params import parse_params
from lowres.data.resident import ResidentSplit
from lowres.engine.precision import resolve_precision

STUDIES = pytest.mark.parametrize("study", [thumbdet, dfd], ids=["thumbdet", "dfd"])


@STUDIES
def test_every_arm_parses_and_has_a_name_of_its_own(study):
    arms = study.all_arms()
    assert len({arm.key for arm in arms}) == len(arms) > 40
    for arm in arms:
        params = parse_params(study.values_of(arm), origin=arm.key)
        assert params.distill.train.seed == arm.seed
        groups = params.distill.train.optimiser.groups
        assert arm.kind == "learned" or not groups, "a fixed down-sampler has nothing for a group to match"


@STUDIES
def test_every_result_is_of_an_arm_as_it_is_now(study):
    done = {f"{arm.key}.json" for arm in study.all_arms() if study.is_done(arm)}  # refuses other parameters
    assert {path.name for path in study.RESULTS.glob("*.json")} == done


def test_students_of_a_seed_share_a_teacher_that_is_an_arm():
    arms = {arm.key: arm for arm in dfd.all_arms()}
    for arm in arms.values():
        assert arms[arm.teacher.key].is_teacher
        assert arm.teacher.seed == arm.seed
        assert arms[arm.guide.key].is_teacher
        assert (arm.guide.seed == arm.seed) == (not arm.other_guide)


def run_of(top1, *, teacher=None, model="m", val=None):
    shared = {"data": "d", "model": model, "test": {"top1": top1}, "val": {"top1": top1 if val is None else val}}
    shared |= {"code_sha256": "c" * 64, "machine": {"cpu": "a CPU"}}
    return shared if teacher is None else {**shared, "teacher": teacher}


RUNS = {
    ("main", "alexnet", "32px"): {0: run_of(0.8, model="t0"), 1: run_of(0.9, model="t1"), 2: run_of(0.1, model="t2")},
    ("main", "alexnet", "8px-baseline"): {
        0: run_of(0.5, teacher="t0", val=0.1),
        1: run_of(0.6, teacher="t1"),
        2: run_of(0.2, teacher="another"),
    },
    ("main", "alexnet", "8px-dfd"): {0: run_of(0.7, teacher="t0"), 2: run_of(0.3, teacher="another")},
}


def cells_of(row):
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_all_cells_of_a_row_are_of_the_seeds_that_all_have_under_one_teacher():
    _, _, row = summary.main_table(RUNS).splitlines()
    assert cells_of(row)[1:5] == ["8 px, bicubic", "80.0", "50.0", "70.0"]
    assert cells_of(row)[6:8] == ["+20.0", "1"]
    baseline_row, dfd_row = summary.gain_table(RUNS, ("lambda",)).splitlines()[2:]
    # A gain needs no teacher beside it: of seed 2, whose students agree in theirs, it counts.
    assert cells_of(dfd_row)[2].startswith("50.0")
    assert cells_of(dfd_row)[3].startswith("+35.0")  # validation: 0.7 - 0.1, 0.3 - 0.2
    assert cells_of(dfd_row)[4].startswith("+15.0")
    assert cells_of(dfd_row)[5] == "2"
    assert cells_of(baseline_row)[3:6] == ["", "", "3"]


def test_a_learned_downsampler_stands_in_the_papers_table():
    learned = {("learned", "alexnet", name): {0: run_of(top1, teacher="t0")} for name, top1 in LEARNED.items()}
    *_, row = summary.main_table(RUNS | learned).splitlines()
    assert cells_of(row)[1:5] == ["8 px, learned", "80.0", "55.0", "72.0"]


LEARNED = {"baseline": 0.55, "dfd": 0.72}


def test_lambdas_stand_in_the_order_of_numbers():
    sweep = {("lambda", "alexnet", f"lambda{text}"): {0: run_of(0.5, teacher="t0")} for text in ("10", "5", "0.1")}
    rows = summary.gain_table(RUNS | sweep, ("lambda",)).splitlines()[4:]
    assert [cells_of(row)[0] for row in rows] == ["lambda: lambda0.1", "lambda: lambda5", "lambda: lambda10"]


def test_students_of_another_teacher_than_their_seeds_are_named():
    rows = summary.origins_table(RUNS).splitlines()[2:]
    assert cells_of(rows[0]) == ["AlexNet", "0", "t0", "cccccccc", "a CPU", ""]
    assert cells_of(rows[2])[5] == "main: 8px-baseline, main: 8px-dfd"


def test_the_table_says_what_our_lambda_is_on_the_papers_sum():
    head, _, row = summary.main_table(RUNS).splitlines()
    assert "DFD, lambda 2 on the mean over features" in head
    assert "paper, lambda on the sum" in head
    assert cells_of(row)[5] == "2/256 = 0.0078"
    assert summary.features("resnet18") == 128  # 512 at a quarter of the width


def test_results_md_is_what_the_results_say():
    committed = (Path(summary.__file__).parent / "results.md").read_text()
    assert committed.startswith(summary.INTRODUCTION)
    results = summary.load()
    assert summary.main_table(results) in committed
    assert summary.gain_table(results, ("lambda",)) in committed


def test_speeds_are_the_newest_of_throughput_and_of_no_arm(tmp_path, monkeypatch):
    monkeypatch.setattr(summary, "HERE", tmp_path)
    assert summary.speed_table().count("\n") == 1  # the heading alone, which the page leaves out
    row = {"backbone": "alexnet", "width": 1.0, "loop": "ours", "format": "float32"}
    machine = {"cpu": "a CPU", "threads": 2, "torch": "2"}
    for date, speeds in (("2026-01-31", [1.0]), ("2026-02-01", [90.0, 100.4, 130.0])):
        found = {"rows": [{**row, "images_per_second": speeds}], "machine": machine}
        (tmp_path / f"throughput-{date}.json").write_text(json.dumps(found))
    lines = summary.speed_table().splitlines()
    assert lines[2:] == [
        "| AlexNet, width 1, 8 px | ours | 100 (90 to 130) | float32 |",
        "",
        "`throughput-2026-02-01.json`: a CPU, 2 threads, torch 2.",
    ]


def test_throughput_times_the_engine_in_the_format_that_auto_chooses(monkeypatch):
    monkeypatch.setattr(throughput, "BATCH", 4)
    monkeypatch.setattr(throughput, "REST_S", 0.0)
    monkeypatch.setitem(throughput.WIDTH, "alexnet", 0.125)
    pixels = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    split = ResidentSplit(pixels, torch.arange(8), torch.arange(8), [str(n) for n in range(10)])
    plain = iter([(torch.rand(4, 3, 32, 32), torch.arange(4))] * (4 * 4 + 2 + 3 * 2))
    loops = [("alexnet", throughput.PlainLoop("alexnet", plain)), ("alexnet", throughput.OurLoop("alexnet", split))]
    rows = throughput.measured(loops, rounds=3, steps=2)
    assert [(row["loop"], row["format"]) for row in rows] == [
        ("DataLoader", "float32"),
        ("ours", resolve_precision("auto", torch.device("cpu"))),
    ]
    for row in rows:
        assert len(row["images_per_second"]) == 3
        assert np.diff(row["images_per_second"]).min() >= 0
        assert row["images_per_second"][0] > 0


def thumbdet_study(tmp_path, monkeypatch, *, demo=b"of the demo"):
    """The folders of the study with the demo's teacher alone, and the list of the arms that were begun."""
    (tmp_path / "outputs/teacher").mkdir(parents=True)
    (tmp_path / "outputs/teacher/model.safetensors").write_bytes(demo)
    for name in ("outputs", "work", "results"):
        monkeypatch.setattr(thumbdet, name.upper(), tmp_path / name)
    ran = []
    monkeypatch.setattr(thumbdet, "finish", lambda arm: ran.append(arm.key))
    monkeypatch.setattr(thumbdet.teacher, "run", lambda *sections, **folders: ran.append("teacher"))
    return ran


def thumbdet_result(tmp_path, key, teacher):
    arm = next(arm for arm in thumbdet.all_arms() if arm.key == key)
    result = {"params": thumbdet.params_hash(arm), "teacher": {"sha256": teacher}}
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / f"results/{key}.json").write_text(json.dumps(result))


def test_groups_of_another_teacher_are_left_out_and_the_others_run(tmp_path, monkeypatch, capsys):
    ran = thumbdet_study(tmp_path, monkeypatch)
    thumbdet_result(tmp_path, "shift-shift0-seed1", "0" * 64)
    thumbdet_result(tmp_path, "init-scratch-seed0", sha256(b"of the demo").hexdigest())
    thumbdet_result(tmp_path, "long-bicubic-none-seed0", "1" * 64)  # its teacher is not here, and is not trained
    monkeypatch.setattr(sys, "argv", ["run", "--jobs", "1"])
    thumbdet.main()
    left_out = {arm.key for arm in thumbdet.all_arms()} - set(ran) - {"init-scratch-seed0"}
    groups = {key.split("-")[0] + key[-6:] for key in left_out}
    assert groups == {"shift-seed1", "long-seed0"}
    assert "(long, seed 0: 11111111; shift, seed 1: 00000000)" in capsys.readouterr().out.replace("\n", " ")
    assert ran.count("teacher") == 1  # the other seeds of `long` have no results, so theirs is


def test_a_study_without_the_demos_teacher_says_how_to_make_it(tmp_path, monkeypatch):
    ran = thumbdet_study(tmp_path, monkeypatch)
    (tmp_path / "outputs/teacher/model.safetensors").unlink()
    monkeypatch.setattr(sys, "argv", ["run", "--group", "shift", "--jobs", "1"])
    with pytest.raises(SystemExit, match=r"is not there; `make demo` makes data and teacher"):
        thumbdet.main()
    assert ran == []


def dfd_study(tmp_path, monkeypatch, teacher):
    """A results folder with one student of `teacher`, whose weights are what another machine trained."""
    work, results = tmp_path / "work", tmp_path / "results"
    (work / "data").mkdir(parents=True)
    (work / "main-alexnet-32px-seed0/model").mkdir(parents=True)
    (work / "main-alexnet-32px-seed0/model/model.safetensors").write_bytes(b"of this machine")
    results.mkdir()
    student = next(arm for arm in dfd.all_arms() if arm.key == "main-alexnet-8px-dfd-seed0")
    result = {"params": dfd.params_hash(student), "teacher": teacher}
    (results / f"{student.key}.json").write_text(json.dumps(result))
    for name, value in (("WORK", work), ("DATA", work / "data"), ("RESULTS", results)):
        monkeypatch.setattr(dfd, name, value)
    ran = []
    monkeypatch.setattr(dfd, "run_arm", lambda arm, root: ran.append(arm.key) or {"val": {"top1": 0.5}, "seconds": 1})
    monkeypatch.setattr(dfd.shutil, "rmtree", lambda path: None)
    monkeypatch.setattr(sys, "argv", ["run", "--group", "main", "--seed", "0", "--backbone", "alexnet", "--jobs", "1"])
    return results, ran


def test_without_a_seed_such_students_are_left_out_and_no_teacher_is_trained(tmp_path, monkeypatch, capsys):
    _, ran = dfd_study(tmp_path, monkeypatch, "0" * 64)
    monkeypatch.setattr(sys, "argv", ["run", "--group", "main", "--jobs", "1"])
    monkeypatch.setattr(dfd, "teacher_hash", lambda arm: "2" * 64)
    dfd.main()
    assert "arms under main-alexnet-32px-seed0 are left out" in capsys.readouterr().out
    assert {key for key in ran if "alexnet" in key and "seed0" in key} == set()
    assert {"main-alexnet-8px-dfd-seed1", "main-resnet18-32px-seed0"} <= set(ran)


def test_students_are_refused_where_their_seed_has_some_of_another_teacher(tmp_path, monkeypatch):
    _, ran = dfd_study(tmp_path, monkeypatch, "0" * 64)
    with pytest.raises(SystemExit, match=r"is \w{8} here, but main-alexnet-8px-dfd-seed0 \(00000000\) had another"):
        dfd.main()
    assert ran == []


def test_a_teacher_trained_anew_with_other_bits_leaves_the_results_alone(tmp_path, monkeypatch):
    results, ran = dfd_study(tmp_path, monkeypatch, "0" * 64)
    weights = tmp_path / "work/main-alexnet-32px-seed0/model/model.safetensors"
    weights.rename(tmp_path / "trained")
    weights.parent.rmdir()

    def train(arm, root):
        ran.append(arm.key)
        weights.parent.mkdir()
        (tmp_path / "trained").rename(weights)
        return {}

    monkeypatch.setattr(dfd, "run_arm", train)
    with pytest.raises(SystemExit, match="had another"):
        dfd.main()
    assert ran == ["main-alexnet-32px-seed0"]
    assert [path.name for path in results.iterdir()] == ["main-alexnet-8px-dfd-seed0.json"]


def test_students_of_the_teacher_of_their_seed_are_run(tmp_path, monkeypatch):
    _, ran = dfd_study(tmp_path, monkeypatch, sha256(b"of this machine").hexdigest())
    dfd.main()
    # The teacher's own result is missing too; what is there is not run again.
    names = ("32px", "8px-baseline", "16px-baseline", "16px-dfd")
    assert ran == [f"main-alexnet-{name}-seed0" for name in names]


def test_data_that_are_not_there_are_one_line(tmp_path, monkeypatch):
    dfd_study(tmp_path, monkeypatch, "")
    monkeypatch.setattr(dfd, "DATA", tmp_path / "none")
    monkeypatch.setattr(sys, "argv", ["run", "--data", "nowhere", "--prepare-only"])
    with pytest.raises(SystemExit, match="nowhere is no folder; --data or LOWRES_CIFAR10 names"):
        dfd.main()


STAND_IN = """#!/usr/bin/env bash
arm() { trap 'sleep 1; echo saved >> "$LOG"; exit 143' TERM; while true; do sleep 0.1; done; }
case "$*" in
    *--prepare-only*) echo prepared >> "$LOG"; sleep 1 ;;
    *studies.dfd.summary*) echo summary >> "$LOG" ;;
    *studies.dfd.run*) [ "$RUNS" = forever ] || exit "$RUNS"; arm & wait ;;
esac
"""


def on_a_gpu(tmp_path, minutes, runs):
    """gpu.sh with a python that only notes what it is called for; its exit code, output, notes and seconds."""
    (tmp_path / "python").write_text(STAND_IN)
    (tmp_path / "python").chmod(0o755)
    environment = {**os.environ, "PYTHON": str(tmp_path / "python"), "LOG": str(tmp_path / "log"), "RUNS": runs}
    command = ["bash", str(Path(dfd.__file__).with_name("gpu.sh")), str(tmp_path), minutes]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    seconds = time.monotonic() - began
    return done.returncode, done.stdout, (tmp_path / "log").read_text().split(), seconds


def test_the_gpu_script_ends_by_its_deadline_and_waits_for_arms_that_save(tmp_path):
    code, said, notes, seconds = on_a_gpu(tmp_path, "0.55", "forever")  # 33 s, of which 30 are kept for saving
    assert code == 0
    assert notes == ["prepared", "saved", "saved", "summary"]
    assert "stopped after 0.55 minutes; the same command goes on from the checkpoints" in said
    assert 3 < seconds < 13


@pytest.mark.parametrize("code", [0, 3])
def test_the_gpu_script_ends_when_all_arms_did_and_says_how(tmp_path, code):
    found, said, notes, seconds = on_a_gpu(tmp_path, "9", str(code))
    assert (found, notes) == (code, ["prepared", "summary"])
    assert "stopped" not in said
    assert seconds < 10
