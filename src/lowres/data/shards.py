"""Shards: images packed in plain tars, with an index that says where each one's bytes are.

Any tar tool opens a shard, but reading needs none: the index has byte offsets, so an image is a slice of a memory
map. One shard is one file for DVC and S3 (20,000 small files: add, push and pull take 23 s; one tar: 2 s).

`index.json` holds `format`, `images` (id, file_name, shard, offset, length, width, height), `shards` (file, bytes,
sha256), `annotations_sha256`, and `sha256` of the canonical JSON of all the rest, so that a flipped bit anywhere in
a split is found.
"""

import hashlib
import io
import json
import mmap
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1
_BLOCK = 512


class ShardWriter:
    """Writes images one after another; a new shard begins where the next image would pass `shard_bytes`.

    Use as a context manager; each shard gets its final name when it is complete, and `finish` writes the index.
    """

    def __init__(self, folder: Path, *, shard_bytes: int) -> None:
        if shard_bytes < 1:
            raise ValueError(f"shard_bytes is {shard_bytes}; it must be at least 1 (64 MiB = 67108864 is usual)")
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._file: io.BufferedWriter | None = None
        self._digest = hashlib.sha256()
        self._offset = 0
        self.shards: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if self._file is not None:  # left by an exception
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    @property
    def _final(self) -> Path:
        return self._folder / f"shard-{len(self.shards):05d}.tar"

    @property
    def _temporary(self) -> Path:
        return self._final.with_suffix(".tar.part")

    def add(self, encoded: bytes, *, image_id: int, file_name: str, suffix: str, width: int, height: int) -> None:
        """Append an image's bytes as they are, under the member name `<image id><suffix>`."""
        member = tarfile.TarInfo(f"{image_id:012d}{suffix}")
        member.size = len(encoded)  # all else stays at zero: equal images make equal shards
        header = member.tobuf(tarfile.USTAR_FORMAT)
        padding = b"\0" * (-len(encoded) % _BLOCK)
        whole = len(header) + len(encoded) + len(padding)
        if self._file is not None and self._offset + whole > self._shard_bytes:
            self._close()
        if self._file is None:
            self._file, self._digest, self._offset = self._temporary.open("wb"), hashlib.sha256(), 0
        place = {"shard": len(self.shards), "offset": self._offset + len(header), "length": len(encoded)}
        self._write(header + encoded + padding)
        self.images.append({"id": image_id, "file_name": file_name, **place, "width": width, "height": height})

    def finish(self, annotations_sha256: str) -> None:
        """Close the last shard and write `index.json`."""
        if self._file is not None:
            self._close()
        index = {
            "format": FORMAT,
            "images": self.images,
            "shards": self.shards,
            "annotations_sha256": annotations_sha256,
        }
        write_atomically(self._folder / "index.json", _canonical({**index, "sha256": _sha256(_canonical(index))}))

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._digest.update(data)
        self._offset += len(data)

    def _close(self) -> None:
        assert self._file is not None
        self._write(b"\0" * 2 * _BLOCK)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        final = self._final
        self._temporary.replace(final)
        self.shards.append({"file": final.name, "bytes": self._offset, "sha256": self._digest.hexdigest()})


class ShardReader:
    """Random access to the packed images of one split folder; cheap to fork and to pickle.

    Raises:
        ValueError: no index, or (with `verify`) a shard or the index differs from its checksum; names the file.
    """

    def __init__(self, folder: Path, *, verify: bool = True) -> None:
        self._folder = folder
        index = read_index(folder)
        self._shards = [folder / shard["file"] for shard in index["shards"]]
        for path, shard in zip(self._shards, index["shards"], strict=True):
            _check_shard(path, shard, verify=verify)
        images = index["images"]
        self.ids = np.array([image["id"] for image in images], np.int64)
        self.sizes_wh_px = np.array([(image["width"], image["height"]) for image in images], np.int64).reshape(-1, 2)
        self._places = np.array([(i["shard"], i["offset"], i["length"]) for i in images], np.int64).reshape(-1, 3)
        self._maps: dict[int, mmap.mmap] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> memoryview:
        """The encoded bytes of the image at a position of the index, without a copy."""
        shard, offset, length = self._places[position].tolist()
        if shard not in self._maps:
            with self._shards[shard].open("rb") as file:
                self._maps[shard] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._maps[shard])[offset : offset + length]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}


def read_index(folder: Path) -> dict[str, Any]:
    """The checked content of `index.json`.

    Raises:
        ValueError: it is missing, of another format, or damaged.
    """
    path = folder / "index.json"
    if not path.is_file():
        raise ValueError(f"{path}: no such file; the split is not prepared, run the prepare stage")
    try:
        index = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}); run the prepare stage again") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        got = index.get("format") if isinstance(index, dict) else type(index).__name__
        raise ValueError(f"{path}: format {got!r}, this version reads {FORMAT}; run the prepare stage again")
    if index.pop("sha256", None) != _sha256(_canonical(index)):
        raise ValueError(f"{path}: content differs from its checksum; run the prepare stage again")
    return index


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its name never stands for half of it."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _check_shard(path: Path, shard: dict[str, Any], *, verify: bool) -> None:
    if not path.is_file():
        raise ValueError(f"{path}: shard is missing; restore it (dvc checkout) or run the prepare stage again")
    size = path.stat().st_size
    if size != shard["bytes"]:
        raise ValueError(f"{path}: shard has {size} bytes, the index says {shard['bytes']}; restore or prepare again")
    if verify:
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        if got != shard["sha256"]:
            raise ValueError(
                f"{path}: shard is damaged, sha256 {got[:12]}... instead of {shard['sha256'][:12]}...; "
                "restore it (dvc checkout) or run the prepare stage again"
            )


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
