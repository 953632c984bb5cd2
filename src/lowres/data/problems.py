"""How a reader of annotations says what is wrong: a source refuses at the first fault, the doctor reads on.

Both read by the same code; `kind` is one of `lowres.data.doctor.findings.KINDS`, for those who count.
"""

from collections.abc import Callable

Problem = Callable[[str, str], None]
"""Gets the kind of a fault and a sentence that names file, value and remedy; it may raise."""


def refuse(kind: str, message: str) -> None:
    """The sources' way: ValueError with the message."""
    raise ValueError(message)
