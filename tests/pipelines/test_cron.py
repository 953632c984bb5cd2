"""Cron expressions of six fields."""

import pytest
from pipelines.cron import check_cron


@pytest.mark.parametrize(
    "cron", ["0 0 3 * * *", "0 */15 * * * ?", "0 0 9 ? * 2-6", "0 0 0 1,15 jan-mar MON", "5/10 0 0 1 1 0"]
)
def test_six_fields_are_taken(cron):
    assert check_cron(f" {cron}  ") == cron


@pytest.mark.parametrize(
    "cron", ["0 0 0 29 2 *", "0 0 0 31 2,4-12/3 *", "0 0 0 30,1 feb ?", "0 0 0 31 2 mon", "0 0 0 31 */6 *"]
)
def test_a_day_that_comes_now_and_then_is_taken(cron):
    assert check_cron(cron) == cron


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 3 * * *", r"has 5 fields; Kubeflow reads 6, seconds first: '0 0 3 \* \* \*'"),
        ("* * *", "has 3 fields; 6 are expected"),
        ("", "has 0 fields"),
        ("0 0 24 * * *", "'24' is no hour; write 0 to 23"),
        ("60 0 0 * * *", "no second"),
        ("0 0 0 0 * *", "no day of month"),
        ("0 0 0 * 13 *", "no month"),
        ("0 0 0 * * 7", "no day of week"),
        ("0 0 0 * * fry", "no day of week"),
        ("0 9-5 0 * * *", "no minute"),
        ("0 */0 * * * *", "no minute"),
        ("0 *-5 * * * *", "no minute"),
        ("0 1, * * * *", "no minute"),
        ("0 ١ * * * *", "no minute"),
        ("0 0 0 30 2 *", "no month that it names has such a day, so it would never run"),
        ("0 0 0 31 feb,4-6/2,sep,11 ?", "would never run"),
    ],
)
def test_what_a_server_would_refuse_is_refused(cron, message):
    with pytest.raises(ValueError, match=message):
        check_cron(cron)
