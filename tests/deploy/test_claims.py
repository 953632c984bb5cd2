"""The volumes of a pipeline's steps, and the pod that makes them writable for user 1000."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCUMENTS = list(YAML(typ="safe").load_all((ROOT / "deploy/claims.yaml").read_text()))
*CLAIMS, POD = DOCUMENTS
SPEC = POD["spec"]


def mounts(container):
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def test_each_claim_is_mounted_where_a_step_mounts_it():
    volumes = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in SPEC["volumes"]}
    assert sorted(volumes.values()) == sorted(claim["metadata"]["name"] for claim in CLAIMS)
    containers = [*SPEC["initContainers"], *SPEC["containers"]]
    compiled = list(YAML(typ="safe").load_all((ROOT / "pipelines/compiled/training-gpu.yaml").read_text()))[1]
    steps = compiled["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    there = {mount["constant"]: mount["mountPath"] for step in steps for mount in step.get("pvcMount", [])}
    for container in containers:
        assert {volumes[name]: path for name, path in mounts(container).items()} == there


def test_root_gives_the_volumes_to_user_1000_and_does_nothing_else():
    (owner,), (files,) = SPEC["initContainers"], SPEC["containers"]
    assert owner["command"] == ["chown", "1000:1000", *mounts(owner).values()]
    assert owner["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}
    assert files["securityContext"]["runAsUser"] == SPEC["securityContext"]["fsGroup"] == 1000
    assert files["securityContext"]["runAsNonRoot"]


def test_kubernetes_takes_them():
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed (pip install -e '.[dev]')"
    ).validate
    for document in DOCUMENTS:
        validate(document, "1.31", strict=True)
