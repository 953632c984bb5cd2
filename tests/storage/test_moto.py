"""The same round trip against moto's S3, which others wrote."""

import pytest
from tests.storage.conftest import contents

from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

server = pytest.importorskip("moto.server", reason="moto is not installed (pip install -e '.[dev]')")

MIB = 1024 * 1024


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_moto_gives_back_what_was_pushed(folder, tmp_path, checksums):
    import boto3

    (folder / "train/parts.tar").write_bytes(b"0123456789abcdef" * (11 * MIB // 16))  # S3 wants parts of 5 MiB or more
    moto = server.ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    try:
        _, port = moto.get_host_and_port()
        options = {"endpoint_url": f"http://127.0.0.1:{port}", "checksums": checksums, "threads": 3}
        boto3.client("s3", endpoint_url=options["endpoint_url"]).create_bucket(Bucket=f"bucket-{checksums[5:8]}")
        address = f"s3://bucket-{checksums[5:8]}/set"
        assert push_folder(folder, address, part_bytes=5 * MIB, **options)["sent"] == 10
        assert push_folder(folder, address, part_bytes=5 * MIB, **options)["already_there"] == 10
        pull_folder(address, tmp_path / "copy", **options)
    finally:
        moto.stop()
    assert contents(tmp_path / "copy") == contents(folder)
