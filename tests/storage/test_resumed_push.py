"""A push that was killed within a large file, and the next one."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.storage.conftest import contents, quick

from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

ADDRESS = "s3://bucket/set"
NAME = "bucket/set/large.tar"
PART = 100_000

PUSH = """
import sys
from pathlib import Path
from lowres.storage.push import push_folder
push_folder(Path(sys.argv[1]), sys.argv[2], endpoint_url=sys.argv[3], threads=1, part_bytes=int(sys.argv[4]))
"""


def push(s3, folder, **options):
    return push_folder(folder, ADDRESS, **{**quick(s3), "part_bytes": PART, **options})


@pytest.fixture
def large(s3, tmp_path):
    """A folder of one file of five parts, for a service that keeps CRC32s."""
    s3.crc32s = {}
    (tmp_path / "data").mkdir()
    (tmp_path / "data/large.tar").write_bytes(os.urandom(4 * PART + 1))
    return tmp_path / "data"


def leave(s3, folder, *, numbers=(1, 3), mode="CRC32", sha256="of the same", part_bytes=PART):
    """The parts of an upload that nobody ended."""
    data = (folder / "large.tar").read_bytes()
    upload = f"left-{len(s3.uploads)}"
    parts = {number: data[(number - 1) * part_bytes : number * part_bytes] or b"?" for number in numbers}
    s3.uploads[upload] = (NAME, sha256, parts)
    s3.upload_modes[upload] = mode
    return upload


def sent_parts(s3):
    return sum(method == "PUT" and name == NAME for method, name, _ in s3.requests)


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_a_push_killed_between_parts_goes_on_with_the_missing_ones(s3, large, tmp_path, checksums, monkeypatch):
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", checksums)
    s3.part_delay_s = 0.2
    process = subprocess.Popen([sys.executable, "-c", PUSH, str(large), ADDRESS, s3.url, str(PART)])
    deadline = time.monotonic() + 120
    while not any(len(parts) >= 2 for _, _, parts in s3.uploads.values()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=20) == -signal.SIGKILL
    time.sleep(0.3)  # the part that was on its way
    s3.part_delay_s = 0.0
    [(_, _, parts)] = s3.uploads.values()
    left = len(parts)
    assert 2 <= left < 5

    s3.requests.clear()
    report = push(s3, large)
    assert sent_parts(s3) == 5 - left
    assert report["bytes_sent"] == report["bytes"] - left * PART
    assert s3.uploads == {}
    pull_folder(ADDRESS, tmp_path / "copy", **quick(s3))
    assert contents(tmp_path / "copy") == contents(large)
    assert push(s3, large)["already_there"] == 1


def test_parts_of_several_pages_are_read_whole(s3, large):
    digest = noted(s3, large)
    leave(s3, large, numbers=(1, 2, 3, 5), sha256=digest)
    s3.page_size = 2
    assert push(s3, large)["bytes_sent"] == PART
    assert s3.objects[NAME] == ((large / "large.tar").read_bytes(), digest)


def noted(s3, folder):
    """The sha256 that a push notes."""
    push(s3, folder)
    sha256 = s3.objects.pop(NAME)[1]
    s3.requests.clear()
    return sha256


def test_the_latest_upload_that_has_parts_is_taken(s3, large):
    digest = noted(s3, large)
    left = [leave(s3, large, numbers=numbers, sha256=digest) for numbers in [(1,), (1, 2, 3, 4), ()]]
    push(s3, large)
    assert sent_parts(s3) == 1
    assert list(s3.uploads) == [left[0], left[2]]


def test_other_content_is_sent_whole_and_what_was_left_stays_for_the_buckets_rule(s3, large):
    upload = leave(s3, large)
    (large / "large.tar").write_bytes(os.urandom(4 * PART + 1))
    push(s3, large)
    assert sent_parts(s3) == 5
    assert s3.objects[NAME][0] == (large / "large.tar").read_bytes()
    assert list(s3.uploads) == [upload]


def test_a_file_that_only_begins_as_what_was_left_gets_its_own_sha256(s3, large):
    digest = noted(s3, large)
    leave(s3, large, sha256="of a file that was shorter")
    push(s3, large)
    assert s3.objects[NAME] == ((large / "large.tar").read_bytes(), digest)
    assert push(s3, large)["already_there"] == 1


@pytest.mark.parametrize("left", [{"part_bytes": PART // 2}, {"mode": ""}, {"numbers": (1, 6)}])
def test_parts_of_another_size_mode_or_number_are_not_taken(s3, large, left):
    leave(s3, large, **left)
    push(s3, large)
    assert sent_parts(s3) == 5
    assert s3.objects[NAME][0] == (large / "large.tar").read_bytes()


def test_resend_takes_nothing_that_was_left(s3, large):
    leave(s3, large)
    push(s3, large, resend=True)
    assert sent_parts(s3) == 5


def test_credentials_that_may_not_list_uploads_push_from_the_first_part(s3, large):
    leave(s3, large)
    s3.lists_uploads = False
    push(s3, large)
    assert sent_parts(s3) == 5


def test_a_service_that_keeps_no_crc32_of_parts_that_were_sent_with_one_begins_anew(s3, large):
    leave(s3, large)
    s3.crc32s = None
    push(s3, large)
    assert sent_parts(s3) == 5


def test_without_checksums_parts_are_told_by_their_md5(s3, large):
    digest = noted(s3, large)
    leave(s3, large, mode="", sha256=digest)
    push(s3, large, checksums="when_required")
    assert sent_parts(s3) == 3
    assert s3.objects[NAME] == ((large / "large.tar").read_bytes(), digest)
