"""dvc.yaml says of every stage what it reads; this holds it to what the code imports and the command line passes."""

import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DAG = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
STAGES = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph("lowres")


def outs(stage):
    listed = [*DAG["stages"][stage].get("outs", []), *DAG["stages"][stage].get("metrics", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in listed}


def test_the_dag_has_its_stages_in_order():
    assert list(DAG["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_a_stage_imports_is_its_dependency(stage, imports):
    module = f"lowres.stages.{stage}"
    needed = imports.find_upstream_modules(module) | {module}
    assert len(needed) > 3
    deps = [dep for dep in DAG["stages"][stage]["deps"] if dep.startswith("src/")]
    for name in sorted(needed):
        path = f"src/{name.replace('.', '/')}"
        if (ROOT / path).is_dir():
            continue  # a package: its __init__.py is empty
        covered = any(path + ".py" == dep or path.startswith(dep + "/") for dep in deps)
        assert covered, f"{stage} imports {name}; add it to the deps of the stage in dvc.yaml"


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_code_that_it_does_not_import(stage, imports):
    module = f"lowres.stages.{stage}"
    needed = {f"src/{name.replace('.', '/')}" for name in imports.find_upstream_modules(module) | {module}}
    for dep in DAG["stages"][stage]["deps"]:
        if dep.startswith("src/"):
            stem = dep.removesuffix(".py")
            assert any(name == stem or name.startswith(stem + "/") for name in needed), f"{stage} does not use {dep}"
            assert (ROOT / dep).exists()


@pytest.mark.parametrize("stage", STAGES)
def test_data_dependencies_are_outputs_of_earlier_stages(stage):
    made = set().union(*(outs(earlier) for earlier in STAGES[: STAGES.index(stage)]), set())
    assert {dep for dep in DAG["stages"][stage]["deps"] if not dep.startswith("src/")} <= made


@pytest.mark.parametrize("stage", STAGES[1:-1])
def test_params_are_narrow(stage):
    # The baseline is the student of distill.
    sections = ["baseline", "distill"] if stage == "baseline" else [stage]
    assert DAG["stages"][stage]["params"] == ["task", "data.input", *sections]


def plotted():
    """Of each plot, its name and the files that it is drawn from."""
    return [(name, list(plot["y"])) for part in DAG["plots"] for name, plot in part.items()]


def test_the_baselines_curves_stand_beside_its_students():
    beside = 0
    for name, files in plotted():
        if any("teacher" in file for file in files):
            students = [file for file in files if "distill" in file or "student" in file]
            for file in students:
                assert file.replace("distill", "baseline").replace("student", "baseline") in files, name
                beside += 1
    assert beside == 4


def test_plots_of_a_baseline_that_was_not_trained_say_nothing(tmp_path):
    pytest.importorskip("dvc", reason="DVC is not installed (pip install -e '.[dvc]')")
    tables = [item for part in DAG["plots"] for plot in part.values() for item in plot["y"].items()]
    made = [file for file, _ in tables if "/history/" in file and "baseline" not in file]
    for file, column in tables:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        lines = "1,0.5\n2,0.25\n" if file in made else ""
        (tmp_path / file).write_text(f"step,{column}\n{lines}")
    (tmp_path / "dvc.yaml").write_text(json.dumps({"plots": DAG["plots"]}))
    for arguments in (["init", "--no-scm", "--quiet"], ["plots", "show", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "failed to load" not in done.stderr
    for file in made:
        assert file.removeprefix("outputs/history/") in done.stdout
