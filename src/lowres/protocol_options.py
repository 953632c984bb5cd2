"""Options of `--protocol`, for scoring and comparing files of results: each belongs to one protocol."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lowres.evaluation.coco import Engine
from lowres.evaluation.tt100k import SCORE_THRESHOLD


@dataclass(frozen=True)
class CocoOptions:
    """How many detections count per class and image, what computes AP, and image pixels per thumbnail pixel."""

    max_dets: int = 100
    engine: Engine = "pycocotools"
    ratio: float = 1.0


@dataclass(frozen=True)
class Tt100kOptions:
    """First folder of the images' paths, lowest score that counts (0 to 1), highest possible score in a file (None:
    1000, as in official files, unless no score is over 100), and the model in an evaluation output (None: student).
    """

    split: str = "test"
    score_threshold: float = SCORE_THRESHOLD
    score_scale: int | None = None
    row: str | None = None


PROTOCOLS: dict[str, type[CocoOptions] | type[Tt100kOptions]] = {"coco": CocoOptions, "tt100k": Tt100kOptions}


def options_of(protocol: str, given: dict[str, Any], *, otherwise: str) -> CocoOptions | Tt100kOptions:
    """The options of a protocol, from what was given on the command line (None: was not).

    Raises `ValueError` for an unknown protocol, and for an option of another one. `otherwise` says what the command
    does without a protocol.
    """
    if protocol not in PROTOCOLS:
        got = f"{protocol!r} is not known" if protocol else "is missing, but needed to score a file"
        raise ValueError(f"--protocol: {got}; known: {', '.join(PROTOCOLS)} ({otherwise})")
    stated = {name: value for name, value in given.items() if value is not None}
    for other, kind in PROTOCOLS.items():
        names = {field.name for field in fields(kind)}
        strange = [_flag(name) for name in stated if name in names]
        if other != protocol and strange:
            raise ValueError(f"{' and '.join(strange)}: only for --protocol {other}; leave out with {protocol}")
    return PROTOCOLS[protocol](**stated)


def required(path: Path | None, option: str, *, protocol: str) -> Path:
    """A path that the protocol cannot do without."""
    if path is None:
        raise ValueError(f"{option}: is missing; --protocol {protocol} needs a file there")
    return path


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
