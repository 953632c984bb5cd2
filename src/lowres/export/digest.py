"""A digest that an ONNX file carries in its own metadata, so that it can be checked wherever it was copied.

It is the sha256 of the file's bytes with zeros in the place of the digest, so that reading it needs no ONNX library.
The record beside an exported file is for what the digest cannot find, a flipped bit in its own name, and for older
files.
"""

import hashlib
from pathlib import Path

KEY = "lowres_sha256"
BLANK = "0" * 64
_MARK = KEY.encode() + b"\x12\x40"  # protobuf: then come the 64 bytes of the entry's value


def write_digest(path: Path) -> None:
    """Fill in the digest of a file whose metadata hold `BLANK` under `KEY`."""
    content = path.read_bytes()
    place = _place(content)
    assert place is not None, f"{path}: no {KEY} in its metadata"
    path.write_bytes(content[:place] + _digest(content, place) + content[place + len(BLANK) :])


def check_digest(path: Path) -> bool:
    """Whether a file holds a digest, which one of an earlier version does not; ValueError where it differs from it."""
    content = path.read_bytes()
    place = _place(content)
    if place is not None and content[place : place + len(BLANK)] != _digest(content, place):
        raise ValueError(
            f"{path}: its sha256 is not the one in its metadata; the file is damaged, make it anew (or, if another "
            f"program changed it on purpose, remove {KEY} from its metadata)"
        )
    return place is not None


def _place(content: bytes) -> int | None:
    before = content.rfind(_MARK)
    return None if before < 0 else before + len(_MARK)


def _digest(content: bytes, place: int) -> bytes:
    view, digest = memoryview(content), hashlib.sha256()
    for part in (view[:place], BLANK.encode(), view[place + len(BLANK) :]):
        digest.update(part)
    return digest.hexdigest().encode()
