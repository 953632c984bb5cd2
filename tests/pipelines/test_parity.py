"""The compiled pipeline and dvc.yaml are one DAG, and a difference between them is seen."""

import copy

import pytest
from ruamel.yaml import YAML

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from pipelines.golden import FOLDER, ROOT
from pipelines.parity import disagreements, dvc_nodes, pipeline_nodes
from tests.pipelines.spec import documents

from lowres.steps.places import PLACES

DAG = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
STAGES = ["baseline", "distill", "downsampler", "evaluate", "export", "prepare", "report", "teacher"]


@pytest.fixture
def spec():
    return documents(FOLDER / "training-cpu.yaml")[0]


@pytest.fixture
def with_bucket():
    return documents(FOLDER / "training-bucket.yaml")[0]


@pytest.fixture
def dag():
    return copy.deepcopy(DAG)


def stages_of(spec):
    return spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]


def test_the_pipeline_and_dvc_agree(spec):
    assert disagreements(spec, DAG) == []


def test_with_a_bucket_they_agree_too(with_bucket):
    assert {"fetch", "publish"} < stages_of(with_bucket).keys()
    assert "prepare" not in stages_of(with_bucket)
    assert disagreements(with_bucket, DAG) == []


def test_both_are_read_whole(spec, with_bucket):
    assert pipeline_nodes(with_bucket) == pipeline_nodes(spec)
    assert sorted(pipeline_nodes(spec)) == sorted(dvc_nodes(DAG)) == STAGES
    assert {path for node in pipeline_nodes(spec).values() for path in node.writes} == set(PLACES.values())


def test_teacher_and_downsampler_wait_for_the_data_alone(spec):
    for name in ("teacher", "downsampler"):
        assert stages_of(spec)[name]["dependentTasks"] == ["prepare"]


def test_a_component_with_the_code_of_another_stage_is_seen(spec):
    program = spec["deploymentSpec"]["executors"]["exec-baseline"]["container"]["command"]
    program[-1] = program[-1].replace("from lowres.stages import baseline", "from lowres.stages import distill")
    assert disagreements(spec, DAG) == ["baseline: runs 'distill' in the pipeline, 'baseline' in dvc.yaml"]


def test_a_fetch_that_fetches_nothing_is_seen(with_bucket):
    program = with_bucket["deploymentSpec"]["executors"]["exec-fetch"]["container"]["command"]
    program[-1] = program[-1].replace("lowres.steps.fetch", "lowres.steps.publish")
    assert disagreements(with_bucket, DAG) == ["prepare: runs '' in the pipeline, 'prepare' in dvc.yaml"]


def test_a_stage_of_dvc_with_the_command_of_another_is_seen(spec, dag):
    dag["stages"]["distill"]["cmd"] = "lowres baseline"
    assert disagreements(spec, dag) == ["distill: runs 'distill' in the pipeline, 'baseline' in dvc.yaml"]


def test_a_stage_that_only_dvc_has_is_seen(spec, dag):
    dag["stages"]["publish"] = {"deps": ["outputs/export"], "outs": ["outputs/published"]}
    assert disagreements(spec, dag) == ["publish: only in dvc.yaml"]


def test_an_edge_that_only_dvc_has_is_seen(spec, dag):
    dag["stages"]["export"]["deps"].append("outputs/teacher")
    assert disagreements(spec, dag) == ["export reads: only in the pipeline [], in dvc.yaml ['outputs/teacher']"]


def test_an_output_that_dvc_lost_is_seen(spec, dag):
    dag["stages"]["distill"]["outs"].remove("outputs/history/distill")
    assert disagreements(spec, dag) == [
        "distill writes: only in the pipeline ['outputs/history/distill'], in dvc.yaml []"
    ]


def test_a_wider_parameter_of_dvc_is_seen(spec, dag):
    dag["stages"]["teacher"]["params"] = ["task", "data", "teacher"]
    assert disagreements(spec, dag) == ["teacher params: only in the pipeline ['data.input'], in dvc.yaml ['data']"]


def test_plots_and_keys_of_another_file_that_only_dvc_has_are_seen(spec, dag):
    dag["stages"]["report"]["plots"] = [{"outputs/curves": {"x": "step"}}]
    dag["stages"]["report"]["params"].append({"other.yaml": ["title"]})
    assert disagreements(spec, dag) == [
        "report writes: only in the pipeline [], in dvc.yaml ['outputs/curves']",
        "report params: only in the pipeline [], in dvc.yaml ['other.yaml']",
    ]


def test_an_edge_of_the_pipeline_that_leads_elsewhere_is_seen(spec):
    student = stages_of(spec)["export"]["inputs"]["artifacts"]["student"]["taskOutputArtifact"]
    student["producerTask"] = "baseline"
    assert disagreements(spec, DAG) == [
        "export: input student is given outputs/baseline",
        "export: waits for ['distill', 'evaluate', 'prepare'], and reads of ['baseline', 'evaluate', 'prepare']",
        "export reads: only in the pipeline ['outputs/baseline'], in dvc.yaml ['outputs/student']",
    ]


def test_two_inputs_that_are_swapped_are_seen(spec):
    given = stages_of(spec)["evaluate"]["inputs"]["artifacts"]
    given["teacher"], given["student"] = given["student"], given["teacher"]
    assert disagreements(spec, DAG) == [
        "evaluate: input student is given outputs/teacher",
        "evaluate: input teacher is given outputs/student",
    ]


def test_a_step_that_waits_for_another_without_reading_of_it_is_seen(spec):
    stages_of(spec)["baseline"]["dependentTasks"].append("distill")
    (line,) = disagreements(spec, DAG)
    assert line.startswith("baseline: waits for ['distill', 'downsampler', 'prepare', 'teacher'], and reads of ['down")


def test_a_step_that_does_not_wait_for_what_it_reads_is_seen(with_bucket):
    stages_of(with_bucket)["publish"]["dependentTasks"].remove("report")
    (line,) = disagreements(with_bucket, DAG)
    assert line.startswith("publish: waits for ['baseline'")


def test_a_step_that_may_be_left_out_is_seen(spec):
    stages_of(spec)["export"]["triggerPolicy"] = {"condition": "inputs.parameter_values['task'] == 'detection'"}
    assert disagreements(spec, DAG) == ["export: is run on a condition"]


def test_a_group_of_steps_that_may_be_left_out_is_seen(spec):  # kfp's If has its condition there
    spec["root"]["dag"]["tasks"]["exit-handler-1"]["triggerPolicy"] = {"condition": "true"}
    assert disagreements(spec, DAG) == ["exit-handler-1: is run on a condition"]


def test_a_step_that_runs_after_a_failure_is_seen(spec):
    stages_of(spec)["export"]["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert disagreements(spec, DAG) == ["export: is run also where what it waits for has failed"]


def test_an_edge_on_what_only_the_ui_shows_is_seen(spec):
    stages_of(spec)["export"]["inputs"]["artifacts"]["evaluation"]["taskOutputArtifact"]["outputArtifactKey"] = "page"
    lines = disagreements(spec, DAG)
    assert [line.split(":")[0] for line in lines] == ["export", "export reads"]
    assert all("evaluate.page, which is no output of a stage" in line for line in lines)


def test_a_section_given_under_the_name_of_another_is_seen(spec):
    given = stages_of(spec)["distill"]["inputs"]["parameters"]
    given["distill"]["componentInputParameter"] = "pipelinechannel--teacher"
    assert disagreements(spec, DAG) == ["distill: parameter distill is given teacher"]


@pytest.mark.parametrize(
    ("step", "one", "other"),
    [
        ("evaluate", "teacher", "student"),
        ("evaluate", "student", "baseline"),
        ("distill", "teacher", "downsampler"),
        ("report", "history_teacher", "history_distill"),
    ],
)
def test_two_inputs_of_a_step_that_change_places_are_seen(spec, step, one, other):
    given = stages_of(spec)[step]["inputs"]["artifacts"]
    given[one], given[other] = given[other], given[one]
    found = disagreements(spec, DAG)
    assert {line.partition(" is given ")[0] for line in found} == {f"{step}: input {one}", f"{step}: input {other}"}


def test_a_section_given_to_the_whole_under_the_name_of_another_is_seen(spec):
    given = spec["root"]["dag"]["tasks"]["exit-handler-1"]["inputs"]["parameters"]
    given["pipelinechannel--distill"]["componentInputParameter"] = "teacher"
    assert disagreements(spec, DAG) == ["exit-handler-1: parameter distill is given teacher"]


def test_a_word_in_place_of_a_section_is_seen(spec):
    stages_of(spec)["distill"]["inputs"]["parameters"]["distill"] = {"runtimeValue": {"constant": "distill"}}
    (line,) = disagreements(spec, DAG)
    assert line.startswith("distill: parameter distill is given {'runtimeValue'")


def test_data_fetched_by_anything_but_their_md5_are_seen(with_bucket):
    del with_bucket["components"]["comp-fetch"]["inputDefinitions"]["parameters"]["data_md5"]
    assert disagreements(with_bucket, DAG) == [
        "prepare params: only in the pipeline ['remote', 'remote_endpoint'], in dvc.yaml ['data']"
    ]


def test_an_output_that_is_not_published_is_seen(with_bucket):
    del stages_of(with_bucket)["publish"]["inputs"]["artifacts"]["export_onnx"]
    assert disagreements(with_bucket, DAG) == ["publish: its inputs differ from the outputs of stages: ['export_onnx']"]


def test_an_output_published_in_the_place_of_another_is_seen(with_bucket):
    given = stages_of(with_bucket)["publish"]["inputs"]["artifacts"]["teacher_model"]["taskOutputArtifact"]
    given["producerTask"] = "downsampler"
    assert disagreements(with_bucket, DAG) == ["publish: input teacher_model is given downsampler_model"]
