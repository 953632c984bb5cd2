"""Quantities of CPU and memory, as Kubernetes writes them and kfp takes them."""

import re
from fractions import Fraction

_CPU = re.compile(r"((?:[0-9]*\.)?[0-9]+)(m?)")
_MEMORY = re.compile(r"([0-9]+)((?:[KMGTPE]i?)?)")
_UNITS = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{prefix: Fraction(1000**power) for power, prefix in enumerate("KMGTPE", 1)},
    **{f"{prefix}i": Fraction(1024**power) for power, prefix in enumerate("KMGTPE", 1)},
}


def cores(text: str) -> Fraction:
    """`2`, `0.5` or `500m` as a number of cores; ValueError for what is none."""
    return _amount(_CPU, text, "CPUs; write 2, or 500m for half of one")


def size_bytes(text: str) -> Fraction:
    """`8Gi`, `500M` or a plain number as bytes; ValueError for what is none."""
    return _amount(_MEMORY, text, "memory; write it as in 8Gi or 500Mi")


def _amount(form: re.Pattern[str], text: str, what: str) -> Fraction:
    found = form.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no quantity of {what}")
    return Fraction(found[1]) * _UNITS[found[2]]
