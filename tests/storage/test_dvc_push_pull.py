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

pytest.importorskip("dvc_s3", reason="DVC is not installed (pip install -e '.[dvc]')")
if COMMAND is None:
    pytest.skip("moto_server is not on the PATH (pip install -e '.[dev]')", allow_module_level=True)


def dvc(root, *arguments):
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_folder_pushed_by_dvc_is_pulled_by_dvc_and_fetched_by_its_md5(folder, tmp_path):
    root = tmp_path / "clone"
    root.mkdir()
    shutil.copytree(folder, root / "data")
    with moto_server() as url:
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="bucket")
        dvc(root, "init", "--no-scm", "-q")
        (root / ".dvc/config").write_text(
            "[core]\n    remote = store\n    no_scm = True\n    analytics = False\n"
            f"['remote \"store\"']\n    url = s3://bucket/dvc\n    endpointurl = {url}\n"
        )
        dvc(root, "add", "data")
        dvc(root, "push")
        shutil.rmtree(root / "data")
        shutil.rmtree(root / ".dvc/cache")
        dvc(root, "pull")
        md5 = YAML(typ="safe").load(root / "data.dvc")["outs"][0]["md5"]
        fetch_folder(open_remote("s3://bucket/dvc", endpoint_url=url), md5, tmp_path / "copy")
    assert contents(root / "data") == contents(folder)
    assert contents(tmp_path / "copy") == contents(folder)
