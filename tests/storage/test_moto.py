"""The same round trip against moto's S3, which others wrote."""

import hashlib

import boto3
import pytest
from tests.storage.conftest import contents

from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

server = pytest.importorskip("moto.server", reason="moto is not installed (pip install -e '.[dev]')")

MIB = 1024 * 1024


@pytest.fixture
def moto():
    """Its address."""
    moto = server.ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    try:
        yield f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    finally:
        moto.stop()


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_moto_gives_back_what_was_pushed(moto, folder, tmp_path, checksums):
    (folder / "train/parts.tar").write_bytes(b"0123456789abcdef" * (11 * MIB // 16))  # S3 wants parts of 5 MiB or more
    options = {"endpoint_url": moto, "checksums": checksums, "threads": 3}
    boto3.client("s3", endpoint_url=moto).create_bucket(Bucket=f"bucket-{checksums[5:8]}")
    address = f"s3://bucket-{checksums[5:8]}/set"
    assert push_folder(folder, address, part_bytes=5 * MIB, **options)["sent"] == 10
    assert push_folder(folder, address, part_bytes=5 * MIB, **options)["already_there"] == 10
    pull_folder(address, tmp_path / "copy", **options)
    assert contents(tmp_path / "copy") == contents(folder)


def test_a_push_to_moto_goes_on_with_the_parts_that_one_before_has_left(moto, folder, tmp_path):
    data = b"0123456789abcdef" * (11 * MIB // 16)
    (folder / "train/parts.tar").write_bytes(data)
    client = boto3.client("s3", endpoint_url=moto)
    client.create_bucket(Bucket="bucket-left")
    place = {"Bucket": "bucket-left", "Key": "set/train/parts.tar"}
    note = {"sha256": hashlib.sha256(data).hexdigest()}
    upload = client.create_multipart_upload(**place, Metadata=note)["UploadId"]
    client.upload_part(**place, UploadId=upload, PartNumber=2, Body=data[5 * MIB : 10 * MIB])
    # moto lists no CRC32s, so only an upload without them can go on
    options = {"endpoint_url": moto, "checksums": "when_required"}
    report = push_folder(folder, "s3://bucket-left/set", part_bytes=5 * MIB, **options)
    assert report["bytes_sent"] == report["bytes"] - 5 * MIB
    pull_folder("s3://bucket-left/set", tmp_path / "copy", **options)
    assert contents(tmp_path / "copy") == contents(folder)
