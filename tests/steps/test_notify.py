import pytest
from tests.steps.webhook import listening

from lowres.steps.notify import WEBHOOK, notify

ENDED = {"state": "FAILED", "run": "lowres-1", "run_id": "0b6d", "message": "teacher: no data"}


def test_the_webhook_is_told_state_run_and_message(monkeypatch):
    with listening() as (address, told):
        monkeypatch.setenv(WEBHOOK, address)
        assert notify(**ENDED)
    assert told == [{"text": "lowres: lowres-1 FAILED: teacher: no data", **ENDED}]


@pytest.mark.parametrize(
    ("state", "told_state"),
    [
        ("COMPLETE", "SUCCEEDED"),
        ("CACHED", "SUCCEEDED"),
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
        ("CANCELED", "FAILED"),
        ("RUNNING", "UNKNOWN"),
    ],
)
def test_a_state_of_the_metadata_store_is_told_as_kubeflow_tells_it(monkeypatch, state, told_state):
    # A cluster's driver gives this state and an empty message.
    with listening() as (address, told):
        monkeypatch.setenv(WEBHOOK, address)
        assert notify(state=state, run="lowres-1", run_id="0b6d", message="")
    (said,) = told
    assert said["state"] == told_state
    if told_state == "SUCCEEDED":
        assert said["text"] == "lowres: lowres-1 SUCCEEDED"
    else:
        assert said["text"] == f"lowres: lowres-1 {told_state}: see `lowres pipeline status 0b6d`"


def test_a_webhook_that_refuses_fails_nothing_and_its_address_stays_secret(monkeypatch, capsys):
    with listening(code=500) as (address, told):
        monkeypatch.setenv(WEBHOOK, address)
        assert not notify(**ENDED)
    assert len(told) == 1
    printed = capsys.readouterr().out
    assert "HTTP 500" in printed
    assert "canary" not in printed


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/canary", "canary", "http://[canary", "ftp://canary.invalid/x"])
def test_a_webhook_that_is_not_there_fails_nothing(monkeypatch, capsys, address):
    monkeypatch.setenv(WEBHOOK, address)
    assert not notify(**ENDED)
    assert "canary" not in capsys.readouterr().out


def test_without_an_address_nobody_is_told(monkeypatch, capsys):
    monkeypatch.delenv(WEBHOOK, raising=False)
    assert not notify(**ENDED)
    assert "nobody is told" in capsys.readouterr().out
