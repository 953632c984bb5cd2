"""`lowres data`, as it is typed."""

import json
import os
import subprocess
import sys

from tests.storage.conftest import SECRET, TOKEN, contents


def lowres(folder, *arguments, **environment):
    command = [sys.executable, "-m", "lowres.cli", "data", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_push_and_pull_move_outputs_data_and_report(s3, folder, tmp_path):
    folder.rename(tmp_path / "there")
    sent = lowres(tmp_path, "push", "s3://bucket/set", "--folder", "there", "--endpoint-url", s3.url)
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["sent"] == 9
    again = lowres(tmp_path, "push", "s3://bucket/set", "--folder", "there", "--resend", "--endpoint-url", s3.url)
    assert json.loads(again.stdout)["sent"] == 9
    got = lowres(tmp_path, "pull", "s3://bucket/set", AWS_ENDPOINT_URL=s3.url)
    assert json.loads(got.stdout)["fetched"] == 9
    assert "MB/s" in got.stderr
    assert contents(tmp_path / "outputs/data") == contents(tmp_path / "there")


def test_expired_credentials_end_with_one_line_and_no_secret(s3, tmp_path):
    s3.refuse_with, s3.refuse_message = "ExpiredToken", f"{SECRET} {TOKEN}"
    done = lowres(tmp_path, "pull", "s3://bucket/set", "--endpoint-url", s3.url)
    assert done.returncode == 2
    assert done.stderr == (
        "error: read s3://bucket/set/lowres-manifest.json: the credentials have expired (ExpiredToken); renew them "
        "(`aws sso login`, or new AWS_* variables)\n"
    )
    loud = lowres(tmp_path, "pull", "s3://bucket/set", "--endpoint-url", s3.url, LOWRES_TRACEBACK="1")
    assert "Traceback" in loud.stderr
    assert SECRET not in loud.stderr
    assert TOKEN not in loud.stderr
