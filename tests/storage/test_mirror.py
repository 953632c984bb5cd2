import logging
import threading
import time

import pytest
from tests.storage.conftest import contents

from lowres.storage.mirror import S3Mirror

ADDRESS = "s3://bucket/runs/teacher-12ab"


def opened(s3, **options):
    return S3Mirror(ADDRESS, **{"endpoint_url": s3.url, "backoff_s": 0.005, "attempts": 3, **options})


def staged(root, name, size=3000):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_bytes(b"{}\n")
    (folder / f"{name}.pt").write_bytes(name.encode() * (size // len(name)))
    return folder


def wait_for(true):
    deadline = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_kept_comes_back_whole_and_the_staged_folder_is_gone(s3, tmp_path):
    expected = contents(staged(tmp_path / "same", "checkpoint-1"))
    folder = staged(tmp_path, "checkpoint-1")
    with opened(s3) as mirror:
        mirror.keep(folder)
    assert not folder.exists()
    with opened(s3) as mirror:
        assert mirror.names() == ["checkpoint-1"]
        assert mirror.fetch("checkpoint-1", tmp_path / "back")
    assert contents(tmp_path / "back") == expected


def test_the_last_two_stay_and_what_was_left_unfinished_before_them_goes(s3, tmp_path):
    s3.objects["bucket/runs/teacher-12ab/checkpoint-0/unfinished.pt"] = (b"x", "")
    s3.objects["bucket/runs/teacher-12ab9/checkpoint-0/of-another-run.pt"] = (b"x", "")
    with opened(s3) as mirror:
        for index in range(1, 5):
            folder = staged(tmp_path, f"checkpoint-{index}")
            mirror.keep(folder)
            wait_for(lambda folder=folder: not folder.exists())
        assert mirror.names() == ["checkpoint-4", "checkpoint-3"]
    below = {name.split("/")[3] for name in s3.objects if name.startswith("bucket/runs/teacher-12ab/")}
    assert below == {"checkpoint-3", "checkpoint-4"}
    assert "bucket/runs/teacher-12ab9/checkpoint-0/of-another-run.pt" in s3.objects


def test_a_copy_that_was_just_sent_stays_also_where_later_ones_are_there_and_damaged(s3, tmp_path):
    with opened(s3) as mirror:
        for index in (1, 2, 8, 9):
            folder = staged(tmp_path, f"checkpoint-{index}")
            mirror.keep(folder)
            wait_for(lambda folder=folder: not folder.exists())
    for index in (8, 9):
        s3.spoil(f"bucket/runs/teacher-12ab/checkpoint-{index}/checkpoint-{index}.pt", 100)
    for index in (1, 2):
        with opened(s3) as mirror:
            mirror.keep(staged(tmp_path / "again", f"checkpoint-{index}"))
    with opened(s3) as mirror:
        assert mirror.names() == ["checkpoint-9", "checkpoint-8", "checkpoint-2"]
        assert [name for name in mirror.names() if mirror.fetch(name, tmp_path / "back" / name)] == ["checkpoint-2"]


def test_keeping_never_waits_and_only_the_newest_follows_the_one_on_its_way(s3, tmp_path):
    s3.faults, s3.fault_rate, s3.silence_s = ("silence",), 1.0, 0.5
    with opened(s3, attempts=10) as mirror:
        mirror.keep(staged(tmp_path, "checkpoint-1"))
        wait_for(lambda: s3.requests)
        began = time.monotonic()
        for index in range(2, 6):
            mirror.keep(staged(tmp_path, f"checkpoint-{index}"))
        assert time.monotonic() - began < 0.3
        assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-1", "checkpoint-5"}
        s3.fault_rate = 0.0
    with opened(s3) as mirror:
        assert mirror.names() == ["checkpoint-5", "checkpoint-1"]


def test_a_bucket_that_refuses_is_told_once_and_once_when_it_works_again(s3, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    s3.refuse_with = "AccessDenied"
    with opened(s3) as mirror:
        for index in range(1, 4):
            folder = staged(tmp_path, f"checkpoint-{index}")
            mirror.keep(folder)
            wait_for(lambda folder=folder: not folder.exists())
        assert mirror.names() == []
        s3.refuse_with = ""
        mirror.keep(staged(tmp_path, "checkpoint-4"))
    told = [record.message for record in caplog.records if record.name == "lowres.storage.mirror"]
    assert len(told) == 2
    assert "access denied (AccessDenied)" in told[0]
    assert told[1] == f"mirror {ADDRESS}: works again"


def test_a_spoilt_copy_is_not_fetched(s3, tmp_path, caplog):
    with opened(s3) as mirror:
        mirror.keep(staged(tmp_path, "checkpoint-1"))
    s3.spoil("bucket/runs/teacher-12ab/checkpoint-1/checkpoint-1.pt", 100)
    with opened(s3) as mirror:
        assert not mirror.fetch("checkpoint-1", tmp_path / "back")
    assert "checkpoint-1.pt: damaged" in caplog.text


def test_after_a_stop_a_bucket_that_does_not_answer_is_given_up(s3, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lowres.storage.mirror.WAIT_AFTER_STOP_S", 0.1)
    s3.faults, s3.fault_rate, s3.silence_s = ("silence",), 1.0, 0.5
    began = time.monotonic()
    mirror = opened(s3, attempts=1000, timeout_s=0.5)
    mirror.__enter__()
    mirror.keep(staged(tmp_path, "checkpoint-1"))
    wait_for(lambda: s3.requests)
    mirror.__exit__(SystemExit, SystemExit(143), None)
    assert time.monotonic() - began < 10.0
    assert "is not there" in caplog.text
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "checkpoint-mirror"])


def test_a_wrong_address_is_refused_at_once():
    with pytest.raises(ValueError, match="is no S3 address"):
        S3Mirror("bucket/runs")
