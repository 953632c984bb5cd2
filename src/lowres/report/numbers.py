"""Numbers in words: units, prefixes, digits. What is undefined becomes a dash."""

import math
from collections.abc import Mapping
from typing import Any

DASH = "–"


def finite(value: object) -> float | None:
    """The number, or None where there is none: None, NaN, infinite, not a number."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    number = float(value)  # pyright: ignore[reportArgumentType]  # numpy scalars too
    return number if math.isfinite(number) else None


def decimals(value: object, digits: int = 3) -> str:
    """0.4563 as 0.456."""
    number = finite(value)
    return DASH if number is None else f"{number:.{digits}f}"


def percent(value: object, digits: int = 0) -> str:
    """0.352 as 35 %."""
    number = finite(value)
    return DASH if number is None else f"{100 * number:.{digits}f} %"


def count(value: object) -> str:
    """1,754,321 as 1.75 M: three digits and a decimal prefix."""
    number = finite(value)
    if number is None:
        return DASH
    for limit, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit * 0.9995:
            return f"{_three_digits(number / limit)} {prefix}"
    return f"{number:.0f}"


def milliseconds(value: object) -> str:
    """4.123 as 4.12 ms."""
    number = finite(value)
    return DASH if number is None else f"{_three_digits(number)} ms"


def size_of_memory(num_bytes: object) -> str:
    """Bytes as MiB or GiB."""
    number = finite(num_bytes)
    if number is None:
        return DASH
    mebibytes = number / 2**20
    return f"{_three_digits(mebibytes / 1024)} GiB" if mebibytes >= 1000 else f"{_three_digits(mebibytes)} MiB"


def duration(seconds: object) -> str:
    """743 as 12 min 23 s."""
    number = finite(seconds)
    if number is None:
        return DASH
    if number < 60:
        return f"{_three_digits(number)} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def pixels(input_px: int | tuple[int, int]) -> str:
    """256 as 256 px; (800, 1333) as 800/1333 px."""
    return f"{input_px} px" if isinstance(input_px, int) else f"{input_px[0]}/{input_px[1]} px"


def bin_title(low_px: float, high_px: float | None) -> str:
    """Half-open range of sizes in words."""
    if high_px is None:
        return f"{low_px:g} px and more"
    return f"under {high_px:g} px" if low_px == 0 else f"{low_px:g} to {high_px:g} px"


def times(ratio: float) -> str:
    """4.13 as 4.1, 3.99 as 4, 129.3 as 129, without a unit."""
    return f"{ratio:.0f}" if ratio >= 99.5 else f"{ratio:.1f}".removesuffix(".0")


def latency_ms(cost: Mapping[str, Any], part: str, quantile: str = "p50_ms") -> float | None:
    """One latency of a cost dictionary, in milliseconds."""
    return finite(((cost.get("latency") or {}).get(part) or {}).get(quantile))


def _three_digits(number: float) -> str:
    size = abs(number)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{number:.{digits}f}"
