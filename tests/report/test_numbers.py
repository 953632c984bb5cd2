import math

import pytest

from lowres.report.numbers import (
    bin_title,
    count,
    decimals,
    duration,
    milliseconds,
    percent,
    size_of_memory,
)


def test_numbers_in_words():
    assert count(1_754_321) == "1.75 M"
    assert count(172.9e9) == "173 G"
    assert count(999_960) == "1.00 M"
    assert count(12) == "12"
    assert decimals(0.4563) == "0.456"
    assert percent(0.352, 1) == "35.2 %"
    assert milliseconds(4.126) == "4.13 ms"
    assert size_of_memory(412 * 2**20) == "412 MiB"
    assert size_of_memory(8 * 2**30) == "8.00 GiB"
    assert duration(743) == "12 min 23 s"
    assert duration(7260) == "2 h 1 min"
    assert duration(59.9) == "59.9 s"
    assert [bin_title(0, 2), bin_title(2, 4), bin_title(16, None)] == ["under 2 px", "2 to 4 px", "16 px and more"]


@pytest.mark.parametrize("say", [count, decimals, percent, milliseconds, size_of_memory, duration])
@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, "x"])
def test_what_is_no_number_is_a_dash(say, nothing):
    assert say(nothing) == "–"
