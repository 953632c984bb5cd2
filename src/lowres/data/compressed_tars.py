"""Compressed tars: no file in one can be read without unpacking all before it, so they are refused, with a way out."""

import shlex
from pathlib import Path

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst")


def named_compressed_tar(name: str) -> bool:
    """Whether a file's name says that it is a compressed tar."""
    return name.lower().endswith(_SUFFIXES)


def compressed_tar_refusal(path: Path) -> str | None:
    """What to tell the user of a tar whose first bytes are those of a compressor; None where they are not."""
    with path.open("rb") as file:
        first = file.read(8)
    tool = next((tool for magic, tool in _MAGIC.items() if first.startswith(magic)), None)
    if tool is None:
        return None
    suffix = next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), "")
    plain = f"{path.name.removesuffix('.tar')}.plain.tar" if not suffix else f"{path.name[: -len(suffix)]}.tar"
    command = f"{tool} -dc {shlex.quote(str(path))} > {shlex.quote(str(path.with_name(plain)))}"
    return (
        f"{path}: is a tar compressed with {tool}, in which no file can be read by itself; make it a plain tar "
        f"({command}), or unpack it, and name that"
    )
