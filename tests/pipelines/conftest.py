"""A server, a bucket, a clone, and credentials that are nobody's."""

import os
import shutil

import pytest
from tests.pipelines.clone import make_clone, write_splits
from tests.storage.conftest import credentials, one_loader, s3  # noqa: F401 - fixtures
from tests.storage.dvc_layout import dvc_objects


@pytest.fixture
def kfp_server(monkeypatch):
    """The fake server, as the environment's."""
    from tests.pipelines.fake_kfp import FakeKfp

    with FakeKfp() as server:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
        for name in ("KF_PIPELINES_UI_ENDPOINT", "LOWRES_KFP_TOKEN", "LOWRES_KFP_COOKIE"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture(scope="session")
def compiled():
    return {}


@pytest.fixture(autouse=True)
def compiled_once(compiled, monkeypatch):
    """Each pipeline that commands send is compiled once for all tests: most of the time of a command."""
    package = pytest.importorskip("pipelines.package", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    compile_training = package.compile_training

    def remembered(out, *, params, **how):
        key = params.read_text() + repr(sorted(how.items()))
        if key not in compiled:
            compile_training(out, params=params, **how)
            compiled[key] = out.read_bytes()
        out.write_bytes(compiled[key])

    monkeypatch.setattr(package, "compile_training", remembered)


@pytest.fixture(scope="session")
def clone_with_data(tmp_path_factory):
    """Where `prepare` is committed into DVC; tests copy it."""
    from dvc.repo import Repo

    clone = make_clone(tmp_path_factory.mktemp("clone") / "clone")
    write_splits(clone / "outputs/data")
    before = os.getcwd()  # noqa: PTH109
    os.chdir(clone)
    try:
        with Repo() as repo:
            repo.commit("prepare", force=True)
    finally:
        os.chdir(before)
    return clone


@pytest.fixture
def clone(clone_with_data, tmp_path, monkeypatch, s3):  # noqa: F811
    """The working folder: a clone whose data lie in a bucket of the stand-in, without the data themselves."""
    folder = shutil.copytree(clone_with_data, tmp_path / "clone")
    _, objects = dvc_objects(folder / "outputs/data")
    s3.objects = {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
    shutil.rmtree(folder / "outputs")
    shutil.rmtree(folder / ".dvc/cache")
    remote = (
        f"[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/dvc\n    endpointurl = {s3.url}\n"
    )
    (folder / ".dvc/config").write_text(remote)
    monkeypatch.chdir(folder)
    return folder
