"""`make test-image`: the image as it is built, and the pipeline in its containers. Many minutes, so only when asked for.

VARIANT is cpu or cuda; without a GPU the one for CUDA runs on the CPU, with the same bits as the other.

Steps run as the image's user, with a read-only root and without a network. `DockerRunner` may take a failed container
for a success (kubeflow/pipelines#13332): what counts here is that outputs are there, by their hashes.
"""

import os
import subprocess
import sys
import time

import pytest

if not os.environ.get("LOWRES_TEST_IMAGE"):
    pytest.skip("builds an image: `make test-image` runs it", allow_module_level=True)
pytest.importorskip("docker", reason="the client for Python is not installed; `make test-image` does so")
from pipelines.parity import PLACES
from tests.image.building import ROOT, build_image, docker, why_not
from tests.pipelines.local_runs import artifacts_of, faults_of, newest_run, run_pipeline
from tests.stages.small import small_params, write_params

from lowres.models.checksum import sha256_of
from lowres.stages.provenance import data_identity

VARIANT = os.environ.get("VARIANT", "cpu")
IMAGE = f"lowres:{VARIANT}"
RUN = ["run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", IMAGE]


@pytest.fixture(scope="session")
def image():
    if reason := why_not():
        pytest.skip(reason)
    began = time.monotonic()
    done = build_image(VARIANT)
    assert done.returncode == 0, done.stdout[-6000:]
    size = int(docker("image", "inspect", "-f", "{{.Size}}", IMAGE).stdout)
    print(f"\n{IMAGE}: {size / 1e9:.2f} GB, built in {time.monotonic() - began:.0f} s")
    return IMAGE


def inside(program: str) -> str:
    done = docker(*RUN, "python3", "-c", program)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def test_it_says_what_it_is(image):
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said = docker(*RUN, "lowres", "--version").stdout
    assert f"commit {commit.stdout.strip()}, torch 2." in said


def test_its_user_is_not_root_and_may_write_where_steps_run(image):
    assert inside("import os; print(os.getuid(), os.getcwd())") == "1000 /lowres"
    done = docker("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "touch here .lowres/here && echo wrote")
    assert done.stdout.strip() == "wrote"


def test_it_has_kfp_and_no_dvc(image):
    names = ["kfp", "lowres", "boto3", "dvc", "diskcache", "moto"]
    program = f"from importlib.util import find_spec; print([n for n in {names} if find_spec(n)])"
    assert inside(program) == "['kfp', 'lowres', 'boto3']"


def test_it_holds_the_versions_of_the_lock(image):
    program = "from importlib.metadata import distributions as d; print(*sorted(f'{x.name}=={x.version}' for x in d()))"
    held = {name.lower().replace("_", "-").replace(".", "-") for name in inside(program).split()}
    locked = [
        line.split()[0]
        for name in ("requirements", f"torch-{VARIANT}")
        for line in (ROOT / f"deploy/{name}.lock").read_text().splitlines()
        if "==" in line
    ]
    assert len(locked) > 80
    assert {name.lower().replace("_", "-").replace(".", "-") for name in locked} <= held


def test_nothing_of_the_builders_settings_stays(image):
    history = docker("history", "--no-trunc", IMAGE).stdout
    assert "find-links" not in history
    program = (
        "from pathlib import Path as P; print([str(p) for p in (P('/etc/pip.conf'), P('/run/secrets')) if p.exists()])"
    )
    assert inside(program) == "[]"


@pytest.fixture(scope="session")
def runs(image, tmp_path_factory):
    """The pipeline's newest run in containers, and one of processes of this Python."""
    folder = tmp_path_factory.mktemp("pipeline")
    params = write_params(folder / "params.yaml", small_params())
    root = folder / "outputs/containers"
    root.parent.mkdir()
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.image.containers", image, str(params), str(root)]
    done = subprocess.run(
        command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=with_root()
    )
    print(f"\npipeline in containers: {time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stdout[-6000:]
    processes = run_pipeline(folder)
    assert processes.returncode == 0, processes.stdout[-6000:]
    return next(root.iterdir()), newest_run(folder)


def with_root() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


def test_every_artifact_is_there_and_none_is_roots(runs):
    contained, _ = runs
    assert faults_of(contained) == []
    owners = {path.stat().st_uid for path, _ in artifacts_of(contained).values() if path.exists()}
    assert owners == {1000}


def test_data_and_weights_are_those_of_the_same_steps_outside_of_containers(runs):
    contained, outside = (artifacts_of(run) for run in runs)
    assert data_identity(contained["prepare", "splits"][0]) == data_identity(outside["prepare", "splits"][0])
    weights = [key for key in PLACES if key[1] == "model" and (outside[key][0] / "model.safetensors").is_file()]
    assert len(weights) >= 3
    for key in weights:
        path, metadata = contained[key]
        assert sha256_of(path / "model.safetensors") == metadata["model_sha256"]
        assert metadata["model_sha256"] == outside[key][1]["model_sha256"], key


def test_artifacts_say_which_image_and_commit_made_them(runs):
    contained, _ = runs
    _, metadata = artifacts_of(contained)["distill", "model"]
    assert metadata["image"] == IMAGE
    assert metadata["commit"] != "none"
