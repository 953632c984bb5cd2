"""The headers of an uncompressed tar, one after the other; whatever they hold, they are read or refused in one line.

`tarfile` trusts what headers say of sizes. In Python 3.11.7 a negative one leads back to the same header for ever
(CVE-2025-8194), and metadata of any size are taken into memory, in time that grows with the square of the digits in
them (CVE-2024-6232).
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from lowres.data.compressed_tars import compressed_tar_refusal

_METADATA = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MOST_METADATA_BYTES = 1 << 14  # two paths of 4096 bytes, and all that usually stands beside them


def tar_members(path: Path) -> Iterator[tarfile.TarInfo]:
    """All members in their order, folders, links and devices too.

    Raises:
        ValueError: no tar, a compressed one, or headers that are cut off, damaged or made to mislead.
    """
    last = -1
    with path.open("rb") as file:
        tar = None
        while True:
            try:
                tar = tar or tarfile.TarFile(fileobj=file, mode="r", tarinfo=_Header)
                member = tar.next()
            except Exception as error:  # headers also make OverflowError, IndexError, RecursionError and more
                raise ValueError(compressed_tar_refusal(path) or _refusal(path, error)) from error
            if member is None:
                _check_end(path, file, tar.offset)
                return
            if member.size < 0 or member.offset <= last:  # pax headers and sparse files state sizes elsewhere, too
                raise ValueError(_refusal(path, _negative(member)))
            last = member.offset
            yield member


def _check_end(path: Path, file: BinaryIO, offset: int) -> None:
    """`tarfile` takes a damaged header for the end, where a block of zeros or nothing must be."""
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise ValueError(_refusal(path, tarfile.ReadError(f"damaged header at byte {offset}")))


class _Header(tarfile.TarInfo):
    """A block of 512 bytes, refused before `tarfile` acts on its size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise _negative(header)
        if header.type in _METADATA and header.size > _MOST_METADATA_BYTES:
            raise tarfile.ReadError(f"a member has {header.size} bytes of metadata, {_MOST_METADATA_BYTES} are allowed")
        return header


def _negative(member: tarfile.TarInfo) -> tarfile.ReadError:
    return tarfile.ReadError(f"member {member.name!r:.80} states a size of {member.size} bytes")


def _refusal(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read as an uncompressed tar ({error}); unpack or repack it"
