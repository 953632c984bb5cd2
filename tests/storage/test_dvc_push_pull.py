"""`dvc push` and `dvc pull` against moto's S3 over HTTP, as docs/storage.md has them."""

import os
import shutil
import subprocess
import sys

import boto3
import pytest
from ruamel.yaml import YAML
from tests.storage.conftest import contents
from tests.storage.moto_process import COMMAND, moto_server

from lowres.storage.dvc_remote import fetch_folder, open_remote
from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

pytest.importorskip("dvc_s3", reason="DVC is not installed (pip install -e '.[dvc]')")
if COMMAND is None:
    pytest.skip("moto_server is not on the PATH (pip install -e '.[dev]')", allow_module_level=True)


def dvc(root, *arguments):
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def url():
    """moto's S3 with a bucket of the name `bucket`."""
    with moto_server() as url:
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="bucket")
        yield url


@pytest.fixture
def clone(url, folder, tmp_path):
    """A folder that DVC keeps, `data` in it, and its remote below `dvc` of the bucket."""
    root = tmp_path / "clone"
    root.mkdir()
    shutil.copytree(folder, root / "data")
    dvc(root, "init", "--no-scm", "-q")
    (root / ".dvc/config").write_text(
        "[core]\n    remote = store\n    no_scm = True\n    analytics = False\n"
        f"['remote \"store\"']\n    url = s3://bucket/dvc\n    endpointurl = {url}\n"
    )
    dvc(root, "add", "data")
    return root


def forget(clone):
    shutil.rmtree(clone / "data")
    shutil.rmtree(clone / ".dvc/cache")


def test_a_folder_pushed_by_dvc_is_pulled_by_dvc_and_fetched_by_its_md5(url, clone, folder, tmp_path):
    dvc(clone, "push")
    forget(clone)
    dvc(clone, "pull")
    md5 = YAML(typ="safe").load(clone / "data.dvc")["outs"][0]["md5"]
    fetch_folder(open_remote("s3://bucket/dvc", endpoint_url=url), md5, tmp_path / "copy")
    assert contents(clone / "data") == contents(folder)
    assert contents(tmp_path / "copy") == contents(folder)


def test_lowres_and_dvc_share_a_bucket_below_prefixes_of_their_own(url, clone, folder, tmp_path):
    push_folder(folder, "s3://bucket/signs", endpoint_url=url)
    dvc(clone, "push")
    assert push_folder(folder, "s3://bucket/signs", endpoint_url=url)["sent"] == 0
    keys = [item["Key"] for item in boto3.client("s3", endpoint_url=url).list_objects_v2(Bucket="bucket")["Contents"]]
    assert {key.split("/")[0] for key in keys} == {"signs", "dvc"}

    forget(clone)
    dvc(clone, "pull")
    assert pull_folder("s3://bucket/signs", tmp_path / "copy", endpoint_url=url)["not_in_manifest"] == 0
    assert contents(clone / "data") == contents(folder)
    assert contents(tmp_path / "copy") == contents(folder)
