"""Two pulls at once, one into a folder of the other."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from tests.storage.conftest import contents, quick

from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

LEFT = ".0123-4567.lowres-part"


def pull(s3, name, folder, **options):
    return pull_folder(f"s3://bucket/{name}", folder, **{**quick(s3), **options})


@pytest.fixture
def sets(s3, tmp_path):
    """A set of one file that takes seconds to pull, and others of small files."""
    for name, files in {"slow": ["slow.tar"], "quick": ["a", "other/b"], "both": ["a", "inner/b"]}.items():
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(4_000_000 if name == "slow" else 10))
        push_folder(tmp_path / name, f"s3://bucket/{name}", **quick(s3))
    return tmp_path


@contextmanager
def a_pull_on_its_way(s3, folder):
    """The slow pull into this folder, at least one chunk of it there; its report is the future's result."""
    s3.chunk_delay_s = 0.02
    chunk, go_on = threading.Event(), threading.Event()

    def wait(moved, left):
        if moved and left:
            chunk.set()
            go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        future: Future = pool.submit(pull, s3, "slow", folder, on_progress=wait)
        assert chunk.wait(30)
        s3.chunk_delay_s = 0.0
        try:
            yield future
        finally:
            go_on.set()


def test_a_pull_leaves_the_parts_of_one_that_is_at_work_in_a_folder_below(s3, sets):
    with a_pull_on_its_way(s3, sets / "copy/inner") as below:
        (sets / "copy/inner/deep").mkdir()
        (sets / "copy/inner/deep" / LEFT).write_bytes(b"?")
        assert pull(s3, "quick", sets / "copy")["fetched"] == 2
        assert (sets / "copy/inner/deep" / LEFT).exists()
    assert below.result(30)["fetched"] == 1
    assert (sets / "copy/inner/slow.tar").read_bytes() == (sets / "slow/slow.tar").read_bytes()


def test_a_pull_removes_the_parts_of_one_that_was_killed_in_a_folder_below(s3, sets):
    (sets / "copy/inner").mkdir(parents=True)
    (sets / "copy/inner" / LEFT).write_bytes(b"?")
    assert pull(s3, "quick", sets / "copy")["not_in_manifest"] == 0
    assert contents(sets / "copy") == contents(sets / "quick")


def test_a_pull_that_would_write_into_the_folder_of_another_is_refused(s3, sets):
    with (
        a_pull_on_its_way(s3, sets / "copy/inner"),
        pytest.raises(ValueError, match=r"copy/inner: another pull writes to it; wait for it"),
    ):
        pull(s3, "both", sets / "copy")
    assert not (sets / "copy/a").exists()


def test_a_part_that_somebody_removed_is_told_in_one_line(s3, sets):
    with a_pull_on_its_way(s3, sets / "copy") as pulled:
        for part in (sets / "copy").glob(".*.lowres-part"):
            part.unlink()
    with pytest.raises(ValueError, match=r"slow\.tar: its part was removed while it was fetched; pull again"):
        pulled.result(30)
