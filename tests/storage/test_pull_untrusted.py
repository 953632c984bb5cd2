"""A bucket that means harm, a disk with surprises, and a pull that is killed."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.storage.conftest import contents, quick

from lowres.storage.download import part_path
from lowres.storage.manifest import Entry, encode_manifest
from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

ADDRESS = "s3://bucket/set"
MANIFEST = "bucket/set/lowres-manifest.json"


def offer(s3, *paths, data=b"abc"):
    sha256 = hashlib.sha256(data).hexdigest()
    for path in paths:
        s3.objects[f"bucket/set/{path}"] = (data, sha256)
    s3.objects[MANIFEST] = (encode_manifest([Entry(path, len(data), sha256) for path in paths]), "")


def pull(s3, folder, **options):
    return pull_folder(ADDRESS, folder, **quick(s3), **options)


@pytest.mark.parametrize("path", ["../evil", "/tmp/lowres-evil", "a/../../evil", "..\\evil", "lowres-manifest.json"])
def test_a_path_that_leaves_the_folder_writes_nothing(s3, tmp_path, path):
    offer(s3, "good", path)
    with pytest.raises(ValueError, match="refused, nothing was written"):
        pull(s3, tmp_path / "copy")
    assert contents(tmp_path) == {}


def test_names_that_differ_in_case_only_write_nothing(s3, tmp_path):
    offer(s3, "train/a", "Train/b")
    with pytest.raises(ValueError, match="differ in case"):
        pull(s3, tmp_path / "copy")
    assert contents(tmp_path) == {}


def test_a_link_in_the_folder_is_not_followed_outside(s3, tmp_path):
    offer(s3, "train/deep/a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/train").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match=r"copy/train: is a link"):
        pull(s3, tmp_path / "copy")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_under_a_files_name_is_replaced_and_its_target_left_alone(s3, tmp_path):
    offer(s3, "a")
    (tmp_path / "target").write_text("mine")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/a").symlink_to(tmp_path / "target")
    pull(s3, tmp_path / "copy")
    assert (tmp_path / "target").read_text() == "mine"
    assert not (tmp_path / "copy/a").is_symlink()
    assert (tmp_path / "copy/a").read_bytes() == b"abc"


def test_more_than_the_cap_or_the_disk_holds_writes_nothing(s3, tmp_path):
    offer(s3, "a", "b")
    with pytest.raises(ValueError, match="--max-gb"):
        pull(s3, tmp_path / "copy", max_bytes=5)
    s3.objects[MANIFEST] = (encode_manifest([Entry("a", 10**18, "0" * 64)]), "")
    with pytest.raises(ValueError, match="GB are missing, the disk has"):
        pull(s3, tmp_path / "copy", max_bytes=1e19)
    assert contents(tmp_path) == {}


def test_a_folder_where_a_file_belongs_is_told(s3, tmp_path):
    offer(s3, "a/b")
    (tmp_path / "copy/a/b").mkdir(parents=True)
    with pytest.raises(ValueError, match="is a folder where the manifest has a file"):
        pull(s3, tmp_path / "copy")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a").write_text("file")
    with pytest.raises(ValueError, match="is a file where the manifest has a folder"):
        pull(s3, tmp_path / "other")


PULL = """
import sys
from pathlib import Path
from lowres.storage.pull import pull_folder
pull_folder(sys.argv[1], Path(sys.argv[2]), endpoint_url=sys.argv[3], threads=3)
"""


def test_a_killed_pull_leaves_no_partial_file_under_its_name_and_the_next_one_completes(s3, folder, tmp_path):
    (folder / "huge.tar").write_bytes(os.urandom(12_000_000))
    push_folder(folder, ADDRESS, **quick(s3))
    copy = tmp_path / "copy"
    s3.chunk_delay_s = 0.03  # 12 MB take over five seconds
    process = subprocess.Popen([sys.executable, "-c", PULL, ADDRESS, str(copy), s3.url])
    deadline = time.monotonic() + 120
    while not any(part.stat().st_size > 2_000_000 for part in copy.glob(".*.lowres-part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(ValueError, match="another pull writes to it"):
        pull(s3, copy)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=20) == -signal.SIGKILL

    whole = contents(folder)
    left = contents(copy)
    partial = [name for name in left if name not in whole]
    assert partial
    assert all(name.rpartition("/")[2].startswith(".") and name.endswith(".lowres-part") for name in partial)
    assert all(whole[name] == data for name, data in left.items() if name not in partial)
    assert "huge.tar" not in left

    s3.chunk_delay_s = 0.0
    s3.requests.clear()
    report = pull(s3, copy)
    assert contents(copy) == whole
    assert report["bytes_fetched"] < report["bytes"] - 2_000_000
    assert any(headers.get("Range") for _, name, headers in s3.requests if name.endswith("huge.tar"))


def test_a_damaged_partial_download_is_fetched_again_from_its_start(s3, folder, tmp_path):
    push_folder(folder, ADDRESS, **quick(s3))
    copy = tmp_path / "copy"
    copy.mkdir()
    large = (folder / "train/large.tar").read_bytes()
    entry = Entry("train/large.tar", len(large), hashlib.sha256(large).hexdigest())
    part = part_path(copy / "train/large.tar", entry)
    part.parent.mkdir()
    part.write_bytes(b"?" * 100_000)
    (copy / ".0123-4567.lowres-part").write_bytes(b"of another content")
    assert pull(s3, copy)["retries"] == 1
    assert contents(copy) == contents(folder)
