"""The full circle: a run's outputs in a bucket come into a fresh clone as if `dvc repro` had made them there.

Stages are stand-ins and depend on little code. `make kubeflow-circle` goes round with real ones and the whole dvc.yaml.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
pytest.importorskip("dvc", reason="DVC is not installed (pip install -e '.[dvc]')")
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import rwlock
from tests.pipelines.clone import git, make_clone, trim_code
from tests.pipelines.stand_in_stages import install
from tests.stages.small import small_params, write_params
from tests.steps.recording import recorded
from tests.storage.conftest import contents
from tests.storage.moto_process import COMMAND, moto_server

from lowres import pipeline_commands as commands
from lowres.steps import publish
from lowres.steps.places import PLACES
from pipelines import adopt as adopting

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"
if COMMAND is None:
    pytest.skip("moto_server is not on the PATH (pip install -e '.[dev]')", allow_module_level=True)


@pytest.fixture(scope="module")
def bucket():
    import boto3

    with moto_server() as url:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="bucket")
        yield url


@pytest.fixture(scope="module")
def trained(tmp_path_factory, bucket):
    """A clone where `dvc repro` has run every stage, stand-ins that take no time, and its data are pushed."""
    folder = make_clone(tmp_path_factory.mktemp("trained") / "clone")
    config = (
        f"[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/dvc\n    endpointurl = {bucket}\n"
    )
    (folder / ".dvc/config").write_text(config)
    trim_code(folder)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a remote")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(f"AWS_{name}", value)
        patch.setenv("PATH", f"{install(tmp_path_factory.mktemp('bin') / 'bin')}:{os.environ['PATH']}")
        patch.chdir(folder)
        assert len(ran()) == 8
        with Repo() as repo:
            repo.push("prepare")
    return folder


def ran():
    """The stages that `dvc repro` runs in the working folder."""
    with Repo() as repo:
        return repo.reproduce()


def fresh_clone(source, folder, monkeypatch):
    """A clone of the last commit, as working folder."""
    subprocess.run(["git", "clone", "-q", str(source), str(folder)], check=True)
    monkeypatch.chdir(folder)
    return folder


def publish_run(trained, bucket, run, monkeypatch, **change):
    """What the publish step does at the end of a run, with the outputs and the code of that clone."""
    monkeypatch.setattr(publish.lowres, "__file__", str(trained / "src/lowres/__init__.py"))
    monkeypatch.setenv("LOWRES_COMMIT", "abc")
    outputs = {f"{step}_{name}": recorded(trained / place) for (step, name), place in PLACES.items()}
    options = {"publish_to": "s3://bucket/lowres-runs", "endpoint_url": bucket, "run": run}
    options["params_file"] = json.dumps((trained / "params.yaml").read_text())
    publish.publish_outputs(**(options | change), **outputs)


def finished_run(server, state="SUCCEEDED"):
    (run,) = server.state["runs"].values()
    run["state"] = state
    return run["run_id"]


def test_a_run_comes_back_as_if_it_had_been_made_here(kfp_server, trained, bucket, tmp_path, monkeypatch, capsys):
    # Submitted from one clone, whose dvc.lock knows the data.
    there = shutil.copytree(trained, tmp_path / "there")
    monkeypatch.chdir(there)
    commands.submit(image=PINNED)
    run = finished_run(kfp_server)
    (submitted,) = kfp_server.state["runs"].values()
    md5 = submitted["runtime_config"]["parameters"]["data_md5"]
    publish_run(trained, bucket, run, monkeypatch, data_md5=md5)

    # Adopted in another, which has neither dvc.lock nor outputs.
    here = fresh_clone(trained, tmp_path / "here", monkeypatch)
    assert not (here / "dvc.lock").exists()
    commands.adopt(run)
    assert "`dvc repro` has nothing to run" in capsys.readouterr().out
    assert (here / "dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()
    assert contents(here / "outputs") == contents(trained / "outputs")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no `lowres`: a stage that ran would fail
    assert ran() == []
    monkeypatch.setattr(adopting, "fetch_folder", None)  # data that are here are not fetched again
    commands.adopt(run)  # a second time changes nothing
    assert (here / "dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()

    # Shared: a third clone pulls what the second pushed.
    with Repo() as repo:
        assert repo.push() > 0
    git(here, "add", "-f", "dvc.lock", "outputs/metrics")
    git(here, "commit", "-q", "-m", "adopted")
    third = fresh_clone(here, tmp_path / "third", monkeypatch)
    with Repo() as repo:
        repo.pull()
    assert contents(third / "outputs") == contents(trained / "outputs")
    assert ran() == []


def two_remotes(folder, bucket):
    """The data of the trained clone are in the remote `store`; the default is another one, which is empty."""
    remotes = "".join(
        f"['remote \"{name}\"']\n    url = s3://bucket/{path}\n    endpointurl = {bucket}\n"
        for name, path in (("empty", "empty"), ("store", "dvc"))
    )
    (folder / ".dvc/config").write_text(f"[core]\n    remote = empty\n{remotes}")


def test_a_run_of_another_remote_is_adopted_from_that_remote(kfp_server, trained, bucket, tmp_path, monkeypatch):
    there = shutil.copytree(trained, tmp_path / "there")
    two_remotes(there, bucket)
    monkeypatch.chdir(there)
    commands.submit(image=PINNED, remote="store", name="of another remote")
    run = finished_run(kfp_server)
    md5 = kfp_server.state["runs"][run]["runtime_config"]["parameters"]["data_md5"]
    publish_run(trained, bucket, run, monkeypatch, data_md5=md5)
    here = fresh_clone(trained, tmp_path / "here", monkeypatch)
    two_remotes(here, bucket)
    # Where only its outputs are known, the remote must be named.
    address = f"s3://bucket/lowres-runs/{run}"
    with pytest.raises(
        ValueError, match=rf"s3://bucket/empty: has no {md5}, the data of the run; name .* --remote NAME"
    ):
        commands.adopt(address)
    assert unchanged(here)
    commands.adopt(run)
    assert (here / "dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()
    third = fresh_clone(trained, tmp_path / "third", monkeypatch)
    two_remotes(third, bucket)
    commands.adopt(address, remote="store")
    assert (third / "dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()


@pytest.fixture
def published(trained, bucket, tmp_path, monkeypatch):
    """The address of a run whose data were prepared on the cluster, and a fresh clone as working folder."""
    run = f"run-{tmp_path.name}"
    publish_run(trained, bucket, run, monkeypatch, data_md5="")
    fresh_clone(trained, tmp_path / "here", monkeypatch)
    return f"s3://bucket/lowres-runs/{run}"


def adopt(address, **change):
    commands.adopt(address, **change)


def unchanged(folder):
    return not (folder / "dvc.lock").exists() and not (folder / "outputs").exists()


def test_by_address_no_server_is_asked_and_data_of_the_cluster_come_too(published, tmp_path, trained, monkeypatch):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    adopt(published)
    assert (tmp_path / "here/dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()


def test_other_params_are_refused_or_taken(published, tmp_path, trained):
    params = tmp_path / "here/params.yaml"
    values = small_params()
    values["teacher"]["train"]["steps"] = 99
    write_params(params, values)
    with pytest.raises(ValueError, match=r"params\.yaml differs from the run's in teacher; --take-params"):
        adopt(published)
    assert unchanged(tmp_path / "here")
    adopt(published, take_params=True)
    assert params.read_bytes() == (trained / "params.yaml").read_bytes()
    assert (tmp_path / "here/dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()


def test_other_code_is_refused(published, tmp_path):
    (tmp_path / "here/src/lowres/ops/boxes.py").write_text("")
    with pytest.raises(ValueError, match=r"ops/boxes\.py differs from the code of the run; check out commit abc"):
        adopt(published)
    assert unchanged(tmp_path / "here")


def test_code_that_no_stage_reads_may_differ(published, tmp_path):
    (tmp_path / "here/src/lowres/cli.py").write_text("")
    adopt(published)


def test_work_that_dvc_does_not_hold_is_not_written_over(published, tmp_path):
    mine = tmp_path / "here/outputs/teacher/model.bin"
    mine.parent.mkdir(parents=True)
    mine.write_text("a day of training")
    with pytest.raises(ValueError, match="outputs/teacher has changes that DVC does not hold; `dvc commit` it"):
        adopt(published)
    assert mine.read_text() == "a day of training"
    assert not (tmp_path / "here/dvc.lock").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dvc.lock", "<<<<<<< HEAD\nschema: '2.0'\n=======\n", "DVC cannot be used here: unable to read: 'dvc.lock'"),
        ("dvc.yaml", "stages: {}\n", "DVC cannot be used here: Stage 'prepare' not found"),
        ("params.yaml", "task: [\n", "DVC cannot be used here: unable to read: 'params.yaml'"),
        ("params.yaml", "", r"params\.yaml differs from the run's in baseline, data"),
    ],
)
def test_a_clone_that_dvc_cannot_read_is_told_in_one_line(published, tmp_path, name, text, message):
    (tmp_path / "here" / name).write_text(text)
    with pytest.raises(ValueError, match=message) as told:
        adopt(published)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "here/outputs").exists()


def test_a_default_remote_on_a_disk_is_not_asked(published, bucket, tmp_path, trained, monkeypatch):
    here = tmp_path / "here"
    (here / ".dvc/config").write_text(f"[core]\n    remote = disk\n['remote \"disk\"']\n    url = {tmp_path}/disk\n")
    adopt(published, endpoint_url=bucket)
    assert (here / "dvc.lock").read_bytes() == (trained / "dvc.lock").read_bytes()
    publish_run(trained, bucket, "by-md5", monkeypatch, data_md5=f"{'0' * 32}.dir")
    with pytest.raises(ValueError, match=r"are in a bucket, and DVC's default remote here is none; .* --remote NAME"):
        adopt("s3://bucket/lowres-runs/by-md5", endpoint_url=bucket)


def test_outputs_that_a_stage_is_writing_are_left_alone(published, tmp_path):
    here = tmp_path / "here"
    with Repo() as repo:  # as `dvc repro` leaves it while a stage runs
        busy = {"write": {str(here / "outputs/teacher"): {"pid": os.getppid(), "cmd": "dvc repro"}}, "read": {}}
        (here / ".dvc/tmp/rwlock").write_text(json.dumps(busy))
        with pytest.raises(ValueError, match=r"outputs/teacher' is busy, it is being blocked by: .* dvc repro"):
            adopt(published)
        (here / ".dvc/tmp/rwlock").unlink()
        with repo.lock, pytest.raises(ValueError, match="Unable to acquire lock"):
            adopt(published)
    assert unchanged(here)


def test_no_stage_begins_on_outputs_that_are_being_replaced(published, tmp_path, monkeypatch):
    put, refused = adopting._put, []

    def put_while_a_stage_begins(source, target):
        path = str(tmp_path / "here" / target)
        with Repo() as repo, repo.lock:  # which is free: other stages go on
            try:
                with rwlock(repo.tmp_dir, repo.fs, "dvc repro", [path], [], False):
                    pass
            except LockError:
                refused.append(str(target))
        put(source, target)

    monkeypatch.setattr(adopting, "_put", put_while_a_stage_begins)
    adopt(published)
    assert sorted(refused) == sorted(PLACES.values())
    assert "adopt" not in (tmp_path / "here/.dvc/tmp/rwlock").read_text()


def test_one_that_is_killed_while_it_replaces_an_output_goes_on(published, tmp_path, trained, monkeypatch):
    here = tmp_path / "here"
    (here / "outputs/teacher").mkdir(parents=True)
    for name in ("model.bin", "more.bin"):
        (here / "outputs/teacher" / name).write_text("an earlier training, which DVC holds")
    (here / "outputs/metrics").mkdir()
    (here / "outputs/metrics/teacher.json").write_text("{}")
    for place in ("outputs/data", "outputs/history/teacher"):
        shutil.copytree(trained / place, here / place)
    with Repo() as repo:
        repo.commit("teacher", force=True)

    remove = shutil.rmtree

    def killed(path, *arguments, **named):
        if "teacher" in os.fspath(path):
            next(iter(path.iterdir())).unlink()
            raise KeyboardInterrupt
        remove(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(adopting.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            adopt(published)
    adopt(published)
    assert contents(here / "outputs") == contents(trained / "outputs")
    with Repo() as repo:
        assert repo.status() == {}


def test_what_is_fetched_may_lie_on_another_disk(published, tmp_path, trained):
    here, disk = tmp_path / "here", Path("/dev/shm")
    if not disk.is_dir() or disk.stat().st_dev == here.stat().st_dev:
        pytest.skip("/dev/shm is no disk of its own here")
    with tempfile.TemporaryDirectory(dir=disk) as elsewhere:
        (here / ".lowres").symlink_to(elsewhere)
        adopt(published)
        assert contents(here / "outputs") == contents(trained / "outputs")
        with Repo() as repo:
            assert repo.status() == {}


def test_data_that_were_half_removed_by_a_kill_are_fetched_again(trained, bucket, tmp_path, monkeypatch):
    disk = Path("/dev/shm")
    if not disk.is_dir() or disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is no disk of its own here")
    monkeypatch.chdir(trained)
    with Repo() as repo:
        md5 = repo.stage.load_one(name="prepare").outs[0].hash_info.value
    publish_run(trained, bucket, "by-md5", monkeypatch, data_md5=md5)
    here = fresh_clone(trained, tmp_path / "here", monkeypatch)
    remove = shutil.rmtree

    def killed(path, *arguments, **named):
        data = [file for file in Path(path).rglob("*") if file.is_file() and "/outputs/data/" in file.as_posix()]
        if ".lowres" in Path(path).parts and data:
            data[0].unlink()
            raise KeyboardInterrupt
        remove(path, *arguments, **named)

    with tempfile.TemporaryDirectory(dir=disk) as elsewhere:
        (here / ".lowres").symlink_to(elsewhere)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                adopt("s3://bucket/lowres-runs/by-md5", endpoint_url=bucket)
        shutil.rmtree(here / "outputs/data", ignore_errors=True)
        adopt("s3://bucket/lowres-runs/by-md5", endpoint_url=bucket)
    assert contents(here / "outputs") == contents(trained / "outputs")


def test_a_damaged_output_is_refused(published, bucket, tmp_path):
    import boto3

    store = boto3.client("s3", endpoint_url=bucket)
    key = published.removeprefix("s3://bucket/") + "/outputs/student/model.bin"
    store.put_object(Bucket="bucket", Key=key, Body=b"x" * store.head_object(Bucket="bucket", Key=key)["ContentLength"])
    with pytest.raises(ValueError, match=r"student/model\.bin: damaged, sha256 .* instead of"):
        adopt(published)
    assert unchanged(tmp_path / "here")


def test_what_was_never_published_is_told(published, tmp_path):
    with pytest.raises(ValueError, match="no such object; nothing was pushed there"):
        adopt(published + "-not")


@pytest.mark.parametrize(
    ("state", "parameters", "message"),
    [
        ("RUNNING", {}, "is RUNNING; only one that SUCCEEDED can be adopted"),
        ("FAILED", {}, "is FAILED; only one that SUCCEEDED"),
        ("SUCCEEDED", {}, "published nothing; submit it with a remote"),
    ],
)
def test_a_run_that_has_nothing_to_give_is_refused(kfp_server, published, state, parameters, message):
    kfp_server.state["runs"]["r"] = {
        "run_id": "r",
        "display_name": "r",
        "state": state,
        "runtime_config": {"parameters": parameters},
    }
    with pytest.raises(ValueError, match=message):
        adopt("r")
