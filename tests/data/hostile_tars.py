"""Tars whose headers lie: each with what the refusal says of it."""

import tarfile


def header(name, size=0, kind=tarfile.REGTYPE):
    """A header with a size that `tarfile` would not write: base-256, negative or beyond what a file can have."""
    member = tarfile.TarInfo(name)
    member.type = kind
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = (size % (1 << 96)).to_bytes(12, "big")
    block[124] = 0xFF if size < 0 else 0x80
    return with_checksum(block)


def with_checksum(block):
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(records):
    return header("pax", len(records), tarfile.XHDTYPE) + records + bytes(-len(records) % 512)


def endless_sparse_map():
    block = bytearray(header("sparse.png", kind=tarfile.GNUTYPE_SPARSE))
    block[482] = 1  # the map goes on in another block, which is not there
    return with_checksum(block)


EMPTY = header("a.png")
HEADERS = {
    "negative size": (EMPTY + header("b.png", -512) + bytes(1024), "'b.png' states a size of -512 bytes"),
    "negative size in a pax header": (
        EMPTY + pax(b"13 size=-512\n") + header("b.png"),
        "'b.png' states a size of -512",
    ),
    "negative size, back to the start": (EMPTY + pax(b"14 size=-1536\n") + header("b.png"), "states a size of -1536"),
    "negative size of a pax header": (
        EMPTY + header("p", -512, tarfile.XHDTYPE) + bytes(1024),
        "states a size of -512",
    ),
    "size beyond 64 bits": (header("a.png", 1 << 70) + bytes(1024), ""),
    "endless pax headers": (b"".join(pax(b"11 uname=x\n") for _ in range(1500)), ""),
    "pax header without end": (pax(b"9" * 100_000) + EMPTY, "100000 bytes of metadata, 16384 are allowed"),
    "long name without end": (header("l", 1 << 33, tarfile.GNUTYPE_LONGNAME) + EMPTY, "8589934592 bytes of metadata"),
    "sparse map without end": (EMPTY + endless_sparse_map(), ""),
    "size that is no number": (EMPTY + pax(b"23 GNU.sparse.size=many\n") + header("b.png"), ""),
}
