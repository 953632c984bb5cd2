"""The manifests of a training on several nodes: what Kubernetes and Kubeflow Trainer take, and that its command trains."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.stages.commands import lowres
from tests.stages.small import small_params, write_params

ROOT = Path(__file__).parents[2]
CLAIM, RUNTIME = YAML(typ="safe").load_all((ROOT / "deploy/training-nodes.yaml").read_text())
JOB = YAML(typ="safe").load((ROOT / "deploy/training-job.yaml").read_text())
NODE = RUNTIME["spec"]["template"]["spec"]["replicatedJobs"][0]
POD = NODE["template"]["spec"]["template"]["spec"]
MISSING = "is not installed (pip install -e '.[dev]')"


def test_the_job_names_the_runtime_and_the_pods_the_claim():
    assert JOB["spec"]["runtimeRef"] == {"kind": RUNTIME["kind"], "name": RUNTIME["metadata"]["name"]}
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in POD["volumes"]
        if len(volume) > 1 and "persistentVolumeClaim" in volume
    ]
    assert claims == [CLAIM["metadata"]["name"]]
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {mount["name"] for mount in POD["containers"][0]["volumeMounts"]} == {
        volume["name"] for volume in POD["volumes"]
    }


def test_trainer_finds_the_pod_that_trains():
    # By this label and this container name it puts command, resources and PET_* variables in place.
    assert NODE["template"]["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    assert [container["name"] for container in POD["containers"]] == ["node"]


def test_no_pod_runs_as_root_or_writes_to_its_root():
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["securityContext"]["runAsUser"] == 1000
    assert POD["containers"][0]["securityContext"]["readOnlyRootFilesystem"]


def test_kubernetes_takes_claim_and_pod():
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {MISSING}").validate
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node"}, "spec": POD}
    for document in (CLAIM, pod):
        validate(document, "1.31", strict=True)
    pod["spec"] = POD | {"restartPolicies": "Never"}
    with pytest.raises(Exception, match="restartPolicies"):
        validate(pod, "1.31", strict=True)


@pytest.mark.parametrize("document", [RUNTIME, JOB], ids=lambda document: document["kind"])
def test_trainers_schema_knows_every_key(document):
    models = pytest.importorskip("kubeflow_trainer_api.models", reason=f"kubeflow-trainer-api {MISSING}")
    model = getattr(models, f"TrainerV1alpha1{document['kind']}")
    # The models drop what they do not know and refuse wrong types, so a round trip shows both.
    assert model.from_dict(document).to_dict() == document
    assert model.from_dict(document | {"spec": document["spec"] | {"nodes": 2}}).to_dict() == document


def nodes_environment(rank: int, nodes: int) -> dict[str, str]:
    """What Trainer's torch policy sets in each pod."""
    told = {"NNODES": nodes, "NPROC_PER_NODE": 1, "NODE_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 29517}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, **{f"PET_{name}": str(value) for name, value in told.items()}, "PYTHONPATH": path}


@pytest.mark.skipif(
    not os.environ.get("LOWRES_LOCAL_PIPELINE"), reason="a minute of CPU: `make kubeflow-local` runs it"
)
def test_its_command_trains_on_two_nodes(tmp_path):
    values: dict[str, Any] = small_params()
    write_params(tmp_path / "params.yaml", values)
    lowres(tmp_path, "prepare")
    launcher, *rest = [*JOB["spec"]["trainer"]["command"], *JOB["spec"]["trainer"]["args"]]
    assert launcher == "torchrun"
    command = [sys.executable, "-m", "torch.distributed.run", *rest]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    nodes = [subprocess.Popen(command, cwd=tmp_path, env=nodes_environment(rank, 2), **streams) for rank in range(2)]
    said = [node.communicate(timeout=400)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    assert (tmp_path / "outputs/teacher/model.safetensors").is_file()
    assert "best_step" in said[0]
    assert "best_step" not in said[1]  # the other node only helps
