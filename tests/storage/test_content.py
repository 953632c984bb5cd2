import base64
import hashlib
import zlib

import pytest

from lowres.storage.content import sha256_and_crc32, sha256_of


def told(crc):
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def test_the_crc32_of_a_whole_file_is_the_published_one(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"123456789")
    sha256 = hashlib.sha256(b"123456789").hexdigest()
    # 0xCBF43926 is the check value of this CRC.
    assert sha256_and_crc32(file, part_bytes=None) == (sha256, base64.b64encode(bytes.fromhex("cbf43926")).decode())
    assert sha256_of(file) == sha256


@pytest.mark.parametrize("part_bytes", [1_000_000, 1_500_000, 1 << 20, 2_500_000, 3_000_000])
def test_the_crc32_of_parts_is_that_of_their_crc32s(tmp_path, part_bytes):
    data = bytes(range(250)) * 10_000
    (tmp_path / "a").write_bytes(data)
    parts = [data[start : start + part_bytes] for start in range(0, len(data), part_bytes)]
    crc = zlib.crc32(b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts))
    assert sha256_and_crc32(tmp_path / "a", part_bytes=part_bytes) == (hashlib.sha256(data).hexdigest(), told(crc))


def test_an_empty_file_has_a_crc32_too(tmp_path):
    (tmp_path / "a").touch()
    assert sha256_and_crc32(tmp_path / "a", part_bytes=None)[1] == "AAAAAA=="
