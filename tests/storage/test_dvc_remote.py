"""Folders by md5 from a DVC remote: whole and right, or not there."""

import hashlib
import json

import pytest
from tests.storage.conftest import contents
from tests.storage.dvc_layout import dvc_objects

from lowres.storage.dvc_remote import fetch_folder, look_up_folder, open_remote


@pytest.fixture
def md5(s3, folder):
    """The folder of `conftest` in the bucket, below `dvc`."""
    whole, objects = dvc_objects(folder)
    s3.objects = {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
    return whole


@pytest.fixture
def remote(s3):
    return open_remote("s3://bucket/dvc", endpoint_url=s3.url, backoff_s=0.005, attempts=20)


def name_of(s3, folder, file):
    md5 = hashlib.md5((folder / file).read_bytes()).hexdigest()
    return f"bucket/dvc/files/md5/{md5[:2]}/{md5[2:]}"


def listed(s3, rows):
    """The md5 of a folder whose list is `rows`."""
    data = json.dumps(rows).encode()
    md5 = hashlib.md5(data).hexdigest()
    s3.objects[f"bucket/dvc/files/md5/{md5[:2]}/{md5[2:]}.dir"] = (data, "")
    return f"{md5}.dir"


def test_the_folder_comes_back_as_it_was(s3, md5, remote, folder, tmp_path):
    report = fetch_folder(remote, md5, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)
    assert (report["files"], report["retries"]) == (9, 0)


def test_a_service_that_stumbles_is_outlasted(s3, md5, remote, folder, tmp_path):
    s3.fault_rate, s3.faults = 0.3, ("500", "503", "reset", "break off")
    report = fetch_folder(remote, md5, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)
    assert report["retries"] > 0


def test_equal_files_are_two_files(s3, remote, tmp_path):
    s3.objects["bucket/dvc/files/md5/5d/41402abc4b2a76b9719d911017c592"] = (b"hello", "")
    rows = [{"md5": "5d41402abc4b2a76b9719d911017c592", "relpath": name} for name in ("a", "b/c")]
    fetch_folder(remote, listed(s3, rows), tmp_path / "copy")
    assert contents(tmp_path / "copy") == {"a": b"hello", "b/c": b"hello"}


def test_a_folder_that_was_not_pushed_is_told_with_the_remedy(remote, tmp_path):
    with pytest.raises(ValueError, match=r"s3://bucket/dvc/files/md5/00/0+\.dir: no such object; run `dvc push`"):
        look_up_folder(remote, "0" * 32 + ".dir")


def test_a_file_that_was_not_pushed_is_found_before_anything_is_fetched(s3, md5, remote, folder, tmp_path):
    del s3.objects[name_of(s3, folder, "train/large.tar")]
    with pytest.raises(ValueError, match=r"no such object, and 0 more of the 9 .* run `dvc push`"):
        fetch_folder(remote, md5, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("file", ["train/large.tar", "val/inner/shard 2+ü.tar"])
def test_a_damaged_file_is_refused_and_leaves_nothing(s3, md5, remote, folder, tmp_path, file):
    s3.spoil(name_of(s3, folder, file), 100)
    with pytest.raises(ValueError, match="damaged, its content has another md5"):
        fetch_folder(remote, md5, tmp_path / "new/copy")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_damaged_list_is_refused(s3, md5, remote, tmp_path):
    s3.spoil(f"bucket/dvc/files/md5/{md5[:2]}/{md5[2:]}", 10)
    with pytest.raises(ValueError, match="damaged"):
        look_up_folder(remote, md5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no list"),
        ({"a": 1}, "no list"),
        ([{"relpath": "a"}], "no list"),
        ([{"md5": "x", "relpath": "a"}], "no list"),
        ([{"md5": 3, "relpath": "a"}], "no list"),
        ([{"md5": "0" * 32, "relpath": "../a"}], "leaves the folder"),
        ([{"md5": "0" * 32, "relpath": "/a"}], "is absolute"),
    ],
)
def test_a_list_that_is_none_or_leads_outside_is_refused(s3, remote, rows, message):
    with pytest.raises(ValueError, match=message):
        look_up_folder(remote, listed(s3, rows))


@pytest.mark.parametrize("md5", ["", "0" * 32, "../../etc/passwd.dir", "G" * 32 + ".dir"])
def test_what_is_no_md5_of_a_folder_is_refused(remote, md5):
    with pytest.raises(ValueError, match="names no folder"):
        look_up_folder(remote, md5)


def test_expired_credentials_are_told_at_once(s3, md5, remote):
    s3.refuse_with = "ExpiredToken"
    with pytest.raises(ValueError, match="credentials"):
        look_up_folder(remote, md5)
