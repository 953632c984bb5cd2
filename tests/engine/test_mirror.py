"""A training whose machine is lost goes on elsewhere, from the bucket, to the same bits."""

import json
import logging
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from kill_runs import finish
from processes import exit_code, start, start_tiny, steps_done
from tests.storage.conftest import credentials, one_loader, s3  # noqa: F401 (fixtures)
from tiny_task import digest, run_tiny, train_tiny

from lowres.engine.checkpoint import list_checkpoints, newest_intact, save_checkpoint
from lowres.engine.mirror import FETCHED, STAGED, mirror_of, newest_checkpoint, stage_for
from lowres.steps.mirroring import MIRROR, mirrored_checkpoints
from lowres.storage.mirror import S3Mirror

STEPS = 40
# Between steps of a training that is to be stopped: the first copies come late where boto3 takes seconds to import.
PAUSE_S = 0.5
AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
ADDRESS = "s3://bucket/checkpoints"
OBJECTS = "bucket/checkpoints/tiny-12ab/"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The digests of a training that nothing befell, and its folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return finish(folder, partial(start_tiny, workers=0, steps=STEPS)), folder


@pytest.fixture(params=["stand-in", "moto"])
def endpoint(request, monkeypatch):
    """A bucket behind HTTP: our stand-in, and moto's where it is installed."""
    if request.param == "stand-in":
        url = request.getfixturevalue("s3").url
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url
        return
    import boto3

    server = pytest.importorskip("moto.server", reason="moto is not installed (pip install -e '.[dev]')")
    moto = server.ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    url = f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    boto3.client("s3").create_bucket(Bucket="bucket")
    yield url
    moto.stop()


def train_mirrored(folder: Path, *, environment: dict[str, str], **options) -> None:
    """A process's whole work, with the mirror as a stage gets it."""
    os.environ.update(environment)
    with mirrored_checkpoints(), mirror_of("tiny-12ab") as mirror:
        run_tiny(folder, workers=0, steps=STEPS, checkpoint_minutes=0.0, mirror=mirror, **options)


def begin(folder: Path, endpoint: str, *, pause: float):
    environment = {name: os.environ[name] for name in AWS} | {"AWS_ENDPOINT_URL": endpoint, MIRROR: ADDRESS}
    return start(train_mirrored, folder, environment=environment, pause=pause)


def wait_for_copies(process, endpoint: str) -> list[str]:
    mirror = S3Mirror(f"{ADDRESS}/tiny-12ab", endpoint_url=endpoint)
    deadline = time.monotonic() + 60.0
    while len(names := mirror.names()) < 2:
        assert process.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return names


def without_timings(history: Path) -> list[dict]:
    timings = {"seconds", "images_per_second", "data_wait_fraction"}
    records = [json.loads(line) for line in history.read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in timings} for record in records]


def test_a_training_whose_machine_is_lost_goes_on_elsewhere_to_the_same_bits(tmp_path, undisturbed, endpoint):
    expected, folder = undisturbed
    process = begin(tmp_path / "lost", endpoint, pause=PAUSE_S)
    wait_for_copies(process, endpoint)
    process.kill()
    assert exit_code(process) == -signal.SIGKILL
    assert steps_done(tmp_path / "lost") < STEPS
    shutil.rmtree(tmp_path / "lost")

    assert exit_code(begin(tmp_path / "elsewhere", endpoint, pause=0.0)) == 0
    assert (tmp_path / "elsewhere/digests.txt").read_text() == expected
    whole = without_timings(folder / "history.jsonl")
    assert without_timings(tmp_path / "elsewhere/history.jsonl") == whole
    assert int((tmp_path / "elsewhere/first-batch.txt").read_text()) > 0
    assert S3Mirror(f"{ADDRESS}/tiny-12ab", endpoint_url=endpoint).names()[0] == f"checkpoint-{STEPS:09d}.pt"
    for left in (STAGED, FETCHED):
        assert not any((tmp_path / "elsewhere" / left).glob("*"))


def test_after_sigterm_the_last_checkpoint_reaches_the_bucket(tmp_path, s3):  # noqa: F811
    process = begin(tmp_path, s3.url, pause=PAUSE_S)
    wait_for_copies(process, s3.url)
    os.kill(process.pid, signal.SIGTERM)
    assert exit_code(process) == 143
    newest = list_checkpoints(tmp_path)[-1].name
    assert S3Mirror(f"{ADDRESS}/tiny-12ab", endpoint_url=s3.url).names()[0] == newest


@pytest.fixture
def mirrored(s3, monkeypatch):  # noqa: F811
    """The mirror in this process."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    monkeypatch.setenv(MIRROR, ADDRESS + "/")
    return s3


def train_here(folder: Path, **changes):
    with mirrored_checkpoints(), mirror_of("tiny-12ab") as mirror:
        return train_tiny(folder, mirror=mirror, **changes)


def no_evaluation(model):
    raise AssertionError("evaluated again")


def objects_of(s3, suffix: str) -> list[str]:  # noqa: F811
    return sorted(name for name in s3.objects if name.endswith(suffix))


def test_a_damaged_local_checkpoint_is_replaced_from_the_mirror(tmp_path, mirrored):
    expected = train_here(tmp_path / "run")
    for path in list_checkpoints(tmp_path / "run"):
        path.write_bytes(b"damaged")
    again = train_here(tmp_path / "run", evaluate=no_evaluation)
    assert digest(again.best_state) == digest(expected.best_state)
    assert len(again.history) == len(expected.history)


def test_damaged_checkpoints_newer_than_the_copy_do_not_cost_those_to_come(tmp_path, mirrored):
    (tmp_path / "history.jsonl").touch()
    with mirrored_checkpoints(), mirror_of("tiny-12ab") as mirror:
        assert mirror is not None
        stage_for(mirror, save_checkpoint(tmp_path, "checkpoint-000000003", {"step": 3}))
    for step in (8, 9):
        save_checkpoint(tmp_path, f"checkpoint-{step:09d}", {"step": step}).write_bytes(b"damaged")
    with mirrored_checkpoints(), mirror_of("tiny-12ab") as mirror:
        found = newest_checkpoint(tmp_path, mirror)
    assert found is not None
    assert found.name == "checkpoint-000000003.pt"
    assert save_checkpoint(tmp_path, "checkpoint-000000004", {"step": 4}).is_file()
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-000000004.pt"


def test_the_newest_copy_is_taken_and_of_two_the_intact_one(tmp_path, mirrored, caplog):
    caplog.set_level(logging.INFO)
    train_here(tmp_path / "first")
    older, newest = objects_of(mirrored, ".pt")
    assert Path(newest).name == "checkpoint-000000012.pt"
    train_here(tmp_path / "second", evaluate=no_evaluation)
    mirrored.spoil(newest, 50)
    train_here(tmp_path / "third")
    assert "checkpoint-000000012.pt: damaged" in caplog.text
    assert f"{Path(older).name} comes from the mirror" in caplog.text


def test_an_intact_local_checkpoint_comes_before_the_mirror(tmp_path, mirrored):
    train_here(tmp_path / "run")
    mirrored.requests.clear()
    train_here(tmp_path / "run")
    assert not [name for method, name, _ in mirrored.requests if method == "GET" and name.endswith(".pt")]


def test_names_in_the_bucket_that_are_no_checkpoints_are_left_alone(tmp_path, mirrored):
    train_here(tmp_path / "first")
    data, sha256 = mirrored.objects[objects_of(mirrored, "lowres-manifest.json")[-1]]
    mirrored.objects[OBJECTS + "zzz/lowres-manifest.json"] = (data, sha256)
    train_here(tmp_path / "second")
    assert not (tmp_path / "second" / FETCHED).exists()


def test_a_bucket_that_refuses_everything_changes_nothing_but_one_line(tmp_path, mirrored, caplog):
    expected = train_tiny(tmp_path / "alone")
    mirrored.refuse_with = "InvalidAccessKeyId"
    found = train_here(tmp_path / "run", checkpoint_minutes=0.0)
    assert digest(found.last_state) == digest(expected.last_state)
    assert sum("credentials are not accepted" in record.message for record in caplog.records) == 1


def test_without_the_variable_there_is_no_mirror(tmp_path, monkeypatch):
    monkeypatch.delenv(MIRROR, raising=False)
    with mirrored_checkpoints(), mirror_of("tiny-12ab") as mirror:
        assert mirror is None


def test_an_address_that_is_none_is_refused_before_any_work(monkeypatch):
    monkeypatch.setenv(MIRROR, "bucket/checkpoints")
    with pytest.raises(ValueError, match="LOWRES_CHECKPOINT_MIRROR: 'bucket/checkpoints' is no S3 address"):
        mirrored_checkpoints()
