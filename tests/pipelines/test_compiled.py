"""The compiled pipelines: as in the repository, whole, pinned, without secrets, the same bytes each time."""

import os
import re
import subprocess
import sys

import pytest

kfp = pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from google.protobuf.json_format import ParseDict  # noqa: E402
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig  # noqa: E402
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PipelineSpec  # noqa: E402
from pipelines.compile import compile_training  # noqa: E402
from pipelines.golden import FOLDER, IMAGE, PARAMS, ROOT, write_golden  # noqa: E402
from pipelines.placement import GPUS, STORE_KEYS, Placement  # noqa: E402
from tests.pipelines.spec import documents  # noqa: E402

GOLDEN = sorted(FOLDER.glob("*.yaml"))
EACH = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
CANARY = "canary-5f3a"
SECRETS = [*STORE_KEYS, "LOWRES_KFP_TOKEN", "LOWRES_KFP_COOKIE", "LOWRES_WEBHOOK"]
STEPS = {"training-cpu.yaml": 9, "training-gpu.yaml": 9, "training-bucket.yaml": 10, "sweep-cpu.yaml": 9}
COMPILE = (
    "import sys; from pathlib import Path; from pipelines.golden import write_golden; write_golden(Path(sys.argv[1]))"
)


def test_the_repository_holds_what_compiles_now(tmp_path):
    write_golden(tmp_path)
    assert {path.name for path in GOLDEN} == {path.name for path in tmp_path.iterdir()} == set(STEPS)
    for path in GOLDEN:
        assert path.read_text() == (tmp_path / path.name).read_text(), "run: python -m pipelines.golden"


@pytest.fixture(scope="module")
def among_secrets(tmp_path_factory):
    """The same pipelines, compiled under another hash seed and with a canary in every variable that holds a secret."""
    folder = tmp_path_factory.mktemp("among-secrets")
    environment = {**os.environ, **dict.fromkeys(SECRETS, CANARY), "PYTHONHASHSEED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    subprocess.run([sys.executable, "-c", COMPILE, str(folder)], env=environment, check=True, timeout=300)
    return folder


@EACH
def test_another_hash_seed_leaves_the_same_bytes(path, among_secrets):
    # The files in the repository were made under another seed; `make kubeflow-local` tries ten.
    assert (among_secrets / path.name).read_bytes() == path.read_bytes()


@EACH
def test_it_parses_into_the_messages_that_the_server_reads(path):
    pipeline, platform = documents(path)
    assert ParseDict(pipeline, PipelineSpec()).root.dag.tasks
    assert len(ParseDict(pipeline["deploymentSpec"], PipelineDeploymentConfig()).executors) == STEPS[path.name]
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor in settings.values():
        ParseDict(executor, KubernetesExecutorConfig())


def leads_somewhere(source, inputs, producers):
    """Whether a task's input is one of its DAG's inputs, an output of a task beside it, how one of these ended, or a value."""
    for kind, singular in (("parameters", "Parameter"), ("artifacts", "Artifact")):
        if f"componentInput{singular}" in source:
            return source[f"componentInput{singular}"] in inputs.get(kind, {})
        if f"taskOutput{singular}" in source:
            output = source[f"taskOutput{singular}"]
            outputs = producers[output["producerTask"]]["outputDefinitions"]
            return output[f"output{singular}Key"] in outputs[kind]
    return "runtimeValue" in source or source["taskFinalStatus"]["producerTask"] in producers


@EACH
def test_every_reference_leads_somewhere(path):
    pipeline, platform = documents(path)
    components, executors = pipeline["components"], pipeline["deploymentSpec"]["executors"]
    assert {part["executorLabel"] for part in components.values() if "dag" not in part} == set(executors)
    assert set(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) == set(executors)
    for holder in (pipeline["root"], *(part for part in components.values() if "dag" in part)):
        tasks, inputs = holder["dag"]["tasks"], holder.get("inputDefinitions", {})
        for task in tasks.values():
            component = components[task["componentRef"]["name"]]
            assert set(task.get("dependentTasks", [])) <= set(tasks)
            given = task.get("inputs", {})
            wanted = component.get("inputDefinitions", {})
            # A loop gives its own item beside what it is given.
            items = {task["parameterIterator"]["itemInput"]} if "parameterIterator" in task else set()
            assert set(given.get("parameters", {})) | items == set(wanted.get("parameters", {}))
            assert set(given.get("artifacts", {})) == set(wanted.get("artifacts", {}))
            for source in (*given.get("parameters", {}).values(), *given.get("artifacts", {}).values()):
                assert leads_somewhere(
                    source, inputs, {name: components[t["componentRef"]["name"]] for name, t in tasks.items()}
                )


@EACH
def test_every_image_is_pinned_by_its_digest(path):
    pipeline, _ = documents(path)
    images = [executor["container"]["image"] for executor in pipeline["deploymentSpec"]["executors"].values()]
    assert len(images) == STEPS[path.name]
    assert all(re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", image) for image in images)
    assert "lowres-image-set-when-compiled" not in path.read_text()


@EACH
def test_nothing_is_installed_when_a_pod_starts(path):
    assert "pip install" not in path.read_text()


def environment_of(path):
    """Names of variables that hold a value, and of secrets with the variables that they fill, by executor."""
    pipeline, platform = documents(path)
    executors = pipeline["deploymentSpec"]["executors"]
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    held = {name: {entry["name"] for entry in executors[name]["container"].get("env", [])} for name in executors}
    named = {
        name: {
            secret["secretName"]: {pair["envVar"] for pair in secret["keyToEnv"]}
            for secret in settings[name].get("secretAsEnv", [])
        }
        for name in executors
    }
    return held, named


STORE = {"lowres-store": set(STORE_KEYS)}
WEBHOOK = {"lowres-webhook": {"LOWRES_WEBHOOK"}}


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("training-cpu.yaml", {"exec-notify": WEBHOOK}),
        ("training-bucket.yaml", {"exec-notify": WEBHOOK, "exec-fetch": STORE, "exec-publish": STORE}),
    ],
)
def test_the_only_environment_is_the_image_and_secrets_go_where_they_are_used(name, secrets):
    held, named = environment_of(FOLDER / name)
    assert set().union(*held.values()) == {"LOWRES_IMAGE"}
    assert {step: given for step, given in named.items() if given} == secrets


TRAININGS = {f"exec-{stage}" for stage in ("teacher", "downsampler", "baseline", "distill")}


def test_with_a_mirror_trainings_get_its_address_and_its_secret():
    held, named = environment_of(FOLDER / "training-gpu.yaml")
    assert {name for name in held if "LOWRES_CHECKPOINT_MIRROR" in held[name]} == TRAININGS
    for name in TRAININGS:
        assert held[name] == {"LOWRES_IMAGE", "LOWRES_GPUS", "LOWRES_CHECKPOINT_MIRROR", "AWS_ENDPOINT_URL_S3"}
        assert named[name] == STORE


@EACH
def test_no_secret_is_in_it(path, among_secrets):
    compiled = (among_secrets / path.name).read_text()
    assert CANARY not in compiled
    assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|password\s*[:=]", compiled)


@EACH
def test_every_step_logs_in_at_the_registry_where_a_login_is_named_and_none_else(path):
    _, platform = documents(path)
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    logins = [[secret["secretName"] for secret in entry.get("imagePullSecret", [])] for entry in settings.values()]
    assert logins == [["registry-login"] if path.name == "training-gpu.yaml" else []] * STEPS[path.name]


def test_only_steps_that_run_networks_get_a_gpu():
    pipeline, platform = documents(FOLDER / "training-gpu.yaml")
    executors = pipeline["deploymentSpec"]["executors"]
    with_gpu = {name for name, entry in executors.items() if "accelerator" in entry["container"]["resources"]}
    assert with_gpu == {f"exec-{stage}" for stage in ("teacher", "downsampler", "baseline", "distill", "evaluate")}
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {name for name, entry in settings.items() if "nodeSelector" in entry and "tolerations" in entry} == with_gpu
    assert {name for name, entry in settings.items() if "/dev/shm" in mounts(entry)} == with_gpu


def mounts(entry):
    return {volume["mountPath"] for kind in ("emptyDirMounts", "pvcMount") for volume in entry.get(kind, [])}


@EACH
def test_steps_may_write_where_they_do_also_under_a_read_only_root(path):
    _, platform = documents(path)
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for name, entry in settings.items():
        assert "/tmp" in mounts(entry)
        assert ("/lowres/.lowres" in mounts(entry)) == (name in TRAININGS)


def test_trainings_take_all_gpus_and_evaluate_one(tmp_path):
    placement = Placement(image=IMAGE, gpus=4)
    compile_training(tmp_path / "four.yaml", params=PARAMS, placement=placement)
    executors = documents(tmp_path / "four.yaml")[0]["deploymentSpec"]["executors"]
    counts = {name: entry["container"]["resources"].get("accelerator") for name, entry in executors.items()}
    assert {name: int(found["resourceCount"]) for name, found in counts.items() if found} == {
        **dict.fromkeys(TRAININGS, 4),
        "exec-evaluate": 1,
    }
    told = {name: entry["container"].get("env", []) for name, entry in executors.items()}
    assert {name: int(pair["value"]) for name, pairs in told.items() for pair in pairs if pair["name"] == GPUS} == {
        name: int(found["resourceCount"]) for name, found in counts.items() if found
    }


def test_without_gpus_nothing_asks_for_one():
    assert "nvidia" not in (FOLDER / "training-cpu.yaml").read_text()


@EACH
def test_no_step_runs_as_root_or_without_an_end(path):
    _, platform = documents(path)
    for executor in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        assert executor["securityContext"] == {"runAsUser": "1000", "runAsGroup": "1000", "runAsNonRoot": True}
        assert int(executor["activeDeadlineSeconds"]) > 0


@EACH
def test_a_step_is_tried_again_also_after_as_long_as_it_may_run(path):
    # Argo gives up what is over `backoffMaxDuration`, counted from the start of the first attempt.
    pipeline, platform = documents(path)
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    dags = [part["dag"] for part in (pipeline["root"], *pipeline["components"].values()) if "dag" in part]
    tried = 0
    for task in [task for dag in dags for task in dag["tasks"].values() if "retryPolicy" in task]:
        label = pipeline["components"][task["componentRef"]["name"]]["executorLabel"]
        policy, longest_s = task["retryPolicy"], int(settings[label]["activeDeadlineSeconds"])
        waits_s = sum(60 * 2**attempt for attempt in range(policy["maxRetryCount"]))
        window_s = int(policy["backoffMaxDuration"].removesuffix("s"))
        assert window_s >= longest_s * (1 + policy["maxRetryCount"]) + waits_s
        tried += 1
    assert tried == STEPS[path.name] - 1  # all but the notifier


def test_publish_is_never_taken_from_the_cache_and_fetch_is():
    pipeline, _ = documents(FOLDER / "training-bucket.yaml")
    tasks = pipeline["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert {name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")} == {"publish"}
