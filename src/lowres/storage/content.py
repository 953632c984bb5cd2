"""What a file's content is, in one reading: its sha256, and its CRC32 in the form in which a service keeps it.

S3 keeps the CRC32 of an object that was sent whole. Of one that was sent in parts it keeps the CRC32 of the parts'
CRC32s, which other parts of the same content do not share.
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1024 * 1024


def sha256_of(file: Path) -> str:
    """The file's sha256 in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sha256_and_crc32(file: Path, *, part_bytes: int | None) -> tuple[str, str]:
    """The file's sha256 in hex, and in base64 its CRC32, or for parts of `part_bytes` that of their CRC32s."""
    digest, crcs = hashlib.sha256(), [0]
    in_part = 0
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK if part_bytes is None else min(_CHUNK, part_bytes - in_part)):
            digest.update(chunk)
            crcs[-1] = zlib.crc32(chunk, crcs[-1])
            in_part += len(chunk)
            if in_part == part_bytes:
                crcs.append(0)
                in_part = 0
    if part_bytes is None:
        return digest.hexdigest(), _base64(crcs[0])
    parts = crcs if in_part else crcs[:-1]
    return digest.hexdigest(), _base64(zlib.crc32(b"".join(crc.to_bytes(4, "big") for crc in parts)))


def is_part(data: bytes, part: Mapping[str, Any]) -> bool:
    """Whether a part that the service lists has this content: by the CRC32 that it keeps, or by an ETag that is an MD5.

    An ETag that is none, as in a bucket with KMS keys, matches nothing.
    """
    if part["Size"] != len(data):
        return False
    if part.get("ChecksumCRC32"):
        return part["ChecksumCRC32"] == _base64(zlib.crc32(data))
    return part["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()


def _base64(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()
