import pytest
from tests.steps.webhook import listening

from lowres.steps.notify import WEBHOOK, notify

ENDED = {"state": "FAILED", "run": "lowres-1", "message": "teacher: no data"}


def test_the_webhook_is_told_state_run_and_message(monkeypatch):
    with listening() as (address, told):
        monkeypatch.setenv(WEBHOOK, address)
        assert notify(**ENDED)
    assert told == [{"text": "lowres: lowres-1 FAILED: teacher: no data", **ENDED}]


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
