"""How a reader of annotations says what is wrong: a source refuses what is ambiguous, the doctor reads on.

Both read by the same code; `kind` is one of `lowres.data.doctor.findings.KINDS`, for those who count. What is wrong
with a single object or image is no reason to refuse a data set: a source hands it on, and packing counts it.
"""

from collections.abc import Callable
from typing import NamedTuple

Problem = Callable[[str, str], None]
"""Gets the kind of a fault and a sentence that names file, value and remedy; it may raise."""


class Fault(NamedTuple):
    """An object that cannot be read: where it stands, in a few words why, and all that there is to say."""

    place: str
    reason: str
    message: str


def refuse(kind: str, message: str) -> None:
    """The sources' way: ValueError with the message."""
    raise ValueError(message)


def pass_over(kind: str, message: str) -> None:
    """The way of those who look for faults in what is returned."""
