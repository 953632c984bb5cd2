"""The stand-in for S3, and credentials that are nobody's."""

from tests.storage.conftest import credentials, one_loader, s3  # noqa: F401 - fixtures
