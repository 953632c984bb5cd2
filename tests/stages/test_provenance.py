"""Checkpoints are keyed by the code that decides a training: which code that is follows from the stages' imports."""

from pathlib import Path

import grimp
import pytest
from tests.stages.small import small_params, write_params

import lowres
from lowres.config.params import parse_params
from lowres.stages.provenance import code_files, made_from, made_together, require_in_force, section_hashes

# Their values are in the key (config), or they take no part in a training: they refuse, or write what it gave.
NOT_KEYED = ("config/", "stages/classes.py", "stages/outputs.py", "stages/pictures.py", "stages/provenance.py")


@pytest.mark.parametrize("stage", ["teacher", "downsampler", "baseline", "distill"])
def test_what_a_training_imports_is_in_the_key_of_its_checkpoints(stage):
    names = grimp.build_graph("lowres").find_upstream_modules(f"lowres.stages.{stage}") | {f"lowres.stages.{stage}"}
    paths = {f"{name.removeprefix('lowres.').replace('.', '/')}.py" for name in names - {"lowres"}}
    modules = {path for path in paths if (Path(lowres.__file__).parent / path).is_file()}  # packages are empty
    assert f"stages/{stage}.py" in modules
    assert "stages/kits/classification.py" in modules
    assert {path for path in modules - set(code_files()) if not path.startswith(NOT_KEYED)} == set()


def hashes(values, *names):
    params = parse_params(values)
    return section_hashes({name: getattr(params, name) for name in names})


def test_what_an_output_was_made_from_is_in_force_whatever_took_no_part(tmp_path):
    values = small_params()
    made = hashes(values, "task", "teacher", "distill")
    values["report"]["title"] = "another"
    values["evaluate"]["batch_size"] += 1
    require_in_force({Path("outputs/student"): made}, write_params(tmp_path / "params.yaml", values))


def test_numbers_that_dvc_takes_for_equal_are_the_same_section(tmp_path):
    values = small_params()
    values["teacher"]["model"]["config"] |= {"num_denoising": 30, "anchor": [1, {"learned": True}], "name": "1"}
    made = hashes(values, "teacher")
    values["teacher"]["model"]["config"] |= {"num_denoising": 30.0, "anchor": [1.0, {"learned": 1}]}
    require_in_force({Path("outputs/teacher"): made}, write_params(tmp_path / "params.yaml", values))
    values["teacher"]["model"]["config"] |= {"name": 1}
    with pytest.raises(ValueError, match="teacher is no longer what outputs/teacher was made from"):
        require_in_force({Path("outputs/teacher"): made}, write_params(tmp_path / "params.yaml", values))


def test_sections_that_an_output_was_not_made_from_are_named_with_it(tmp_path):
    values = small_params()
    made = {Path("outputs/teacher"): hashes(values, "teacher"), Path("outputs/student"): hashes(values, "distill")}
    values["distill"]["train"]["steps"] += 1
    message = r"params\.yaml: distill is no longer what outputs/student was made from; `dvc repro`"
    with pytest.raises(ValueError, match=message):
        require_in_force(made, write_params(tmp_path / "params.yaml", values))


def test_a_model_of_an_earlier_version_was_made_from_its_task_and_sizes(tmp_path):
    values = small_params()
    config = {"task": "detection", "input": dict(values["data"]["input"]), "provenance": {"data": "1"}}
    places = {Path("outputs/export"): made_from(config)}
    require_in_force(places, write_params(tmp_path / "params.yaml", values))
    values["data"]["input"]["long_side_px"] *= 2
    with pytest.raises(ValueError, match=r"data\.input is no longer what outputs/export was made from"):
        require_in_force(places, write_params(tmp_path / "params.yaml", values))


def test_a_student_of_another_teacher_section_does_not_go_with_this_teacher():
    teacher, student = {"task": "1", "teacher": "2"}, {"task": "1", "teacher": "3", "distill": "4"}
    assert made_together({Path("t"): teacher, Path("s"): student | {"teacher": "2"}}) == student | {"teacher": "2"}
    with pytest.raises(ValueError, match=r"outputs/student: made from another section teacher of params\.yaml than"):
        made_together({Path("outputs/teacher"): teacher, Path("outputs/student"): student})
