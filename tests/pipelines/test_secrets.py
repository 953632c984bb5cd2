"""Canaries in the environment and in DVC's configuration reach the server's headers and nothing else."""

import json
import logging
import os
import subprocess
import sys
import traceback

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
pytest.importorskip("dvc", reason="DVC is not installed (pip install -e '.[dvc]')")
from tests.pipelines.clone import ROOT

from lowres import pipeline_commands as commands

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"
CANARY = "canary-5f3a"
VARIABLES = {
    "LOWRES_KFP_TOKEN": f"{CANARY}-token",
    "LOWRES_KFP_COOKIE": f"session={CANARY}-cookie",
    "LOWRES_WEBHOOK": f"http://127.0.0.1:9/{CANARY}",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret",
    "AWS_SESSION_TOKEN": f"{CANARY}-session",
}


@pytest.fixture
def planted(monkeypatch, clone):
    """The clone, with a canary wherever a secret may be."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    local = f"['remote \"store\"']\n    access_key_id = AKIDOFDVC\n    secret_access_key = {CANARY}-dvc\n"
    (clone / ".dvc/config.local").write_text(f"{local}    session_token = {CANARY}-dvc-session\n")
    return clone


def told(capsys, caplog):
    out, err = capsys.readouterr()
    return out + err + caplog.text


def test_what_is_sent_printed_and_logged_has_none(kfp_server, planted, s3, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    commands.submit(image=PINNED)
    (run,) = kfp_server.state["runs"]
    commands.schedule_create(image=PINNED, cron="0 0 3 * * *")
    commands.schedule_list()
    commands.status(run)
    assert CANARY not in json.dumps(kfp_server.state)
    assert CANARY not in told(capsys, caplog)
    # They were used all the same.
    assert any(headers.get("authorization") == f"Bearer {CANARY}-token" for headers in kfp_server.headers)
    assert any(headers.get("Cookie") == f"session={CANARY}-cookie" for headers in kfp_server.headers)
    assert all("Credential=AKIDOFDVC/" in headers["Authorization"] for _, _, headers in s3.requests)


def server_repeats_the_headers(kfp, s3):
    kfp.refuse("POST /runs", 500, f"Bearer {CANARY}-token; session={CANARY}-cookie")


def server_repeats_one_cookie(kfp, s3):
    kfp.refuse("POST /runs", 500, f"no session '{CANARY}-cookie'")


def server_refuses_the_token(kfp, s3):
    kfp.token = "another"


def store_repeats_the_secret(kfp, s3):
    s3.refuse_with, s3.refuse_message = "ExpiredToken", f"{CANARY}-dvc-session"


def server_is_gone(kfp, s3):
    kfp.server.server_close()


@pytest.mark.parametrize(
    "spoil",
    [
        server_repeats_the_headers,
        server_repeats_one_cookie,
        server_refuses_the_token,
        store_repeats_the_secret,
        server_is_gone,
    ],
)
def test_no_error_and_no_traceback_has_one(kfp_server, planted, s3, capsys, caplog, spoil):
    caplog.set_level(logging.DEBUG)
    spoil(kfp_server, s3)
    with pytest.raises(ValueError) as failed:  # noqa: PT011 - the message is not what this is about
        commands.submit(image=PINNED)
    assert CANARY not in "".join(traceback.format_exception(failed.value))
    assert CANARY not in told(capsys, caplog)


@pytest.mark.parametrize("name", ["LOWRES_KFP_TOKEN", "LOWRES_KFP_COOKIE"])
@pytest.mark.parametrize("value", [f"{CANARY}\n", f"{CANARY}\r\nx: y", f"{CANARY}\u2026"])
def test_a_secret_that_no_header_takes_is_named_and_not_repeated(kfp_server, planted, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} has a line break or a letter that no HTTP header takes") as failed:
        commands.submit(image=PINNED)
    assert CANARY not in "".join(traceback.format_exception(failed.value))
    assert kfp_server.empty()


@pytest.mark.parametrize("address", [f"https://me:{CANARY}@ui", f"https://ui/?token={CANARY}", f"https://ui/#{CANARY}"])
def test_no_url_of_a_run_has_credentials(kfp_server, planted, monkeypatch, capsys, address):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", address)
    with pytest.raises(ValueError, match="KF_PIPELINES_UI_ENDPOINT holds credentials or a query") as failed:
        commands.submit(image=PINNED)
    assert CANARY not in "".join(traceback.format_exception(failed.value)) + capsys.readouterr().out
    assert kfp_server.empty()


def test_an_address_that_cannot_be_read_is_not_repeated(planted):
    with pytest.raises(ValueError, match="the server's address cannot be read") as failed:
        commands.submit(image=PINNED, host=f"https://me:{CANARY}\u2100@host")
    assert CANARY not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("change", [{}, {"host": f"https://me:{CANARY}@host"}])
def test_an_address_with_credentials_is_not_repeated(planted, change):
    if not change:
        (planted / ".dvc/config").write_text(
            f"[core]\n    remote = store\n['remote \"store\"']\n    url = s3://key:{CANARY}@bucket/dvc\n"
        )
    with pytest.raises(ValueError, match="credentials") as failed:
        commands.submit(image=PINNED, **change)
    assert CANARY not in "".join(traceback.format_exception(failed.value))


def test_the_command_ends_with_2_one_line_and_no_canary(kfp_server, planted):
    kfp_server.token = "another"
    command = [sys.executable, "-m", "lowres.cli", "pipeline", "submit", "--image", PINNED]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: connect: {kfp_server.url} does not accept the credentials (HTTP 401), or they have expired; "
        "set LOWRES_KFP_TOKEN anew\n"
    )
    assert CANARY not in done.stdout
    assert kfp_server.empty()
