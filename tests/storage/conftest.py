"""A folder to move, the stand-in for S3, and credentials that are nobody's."""

import random
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from tests.storage.fake_s3 import FakeS3

LOADER = botocore.loaders.create_loader()
SECRET = "wJalrXUtnFEMI/SECRET/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzTOKENexample"


@pytest.fixture(autouse=True)
def one_loader(monkeypatch):
    """botocore reads its description of S3 once for all tests, which is most of the time of a new client."""
    monkeypatch.setattr(botocore.session, "create_loader", lambda *unused: LOADER)


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path_factory):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REQUEST_CHECKSUM_CALCULATION"):
        monkeypatch.delenv(name, raising=False)
    empty = tmp_path_factory.getbasetemp() / "no-such-aws-file"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(empty))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def s3():
    with FakeS3() as server:
        yield server


@pytest.fixture
def folder(tmp_path) -> Path:
    """Eight small files, one of them empty, and a large one of five parts."""
    root = tmp_path / "data"
    numbers = random.Random(3)
    for index in range(7):
        path = root / ("train" if index % 2 else "val/inner") / f"shard {index}+ü.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(numbers.randbytes(2000 + index))
    (root / "empty.json").write_bytes(b"")
    (root / "train/large.tar").write_bytes(numbers.randbytes(450_000))
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def quick(s3: FakeS3) -> dict:
    """Keyword arguments for a server on this machine that may misbehave."""
    return {"endpoint_url": s3.url, "backoff_s": 0.005, "timeout_s": 10.0, "attempts": 20, "threads": 4}
