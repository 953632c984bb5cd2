import pytest

from lowres.storage.address import check_endpoint, split_address


def test_an_address_is_bucket_and_prefix():
    assert split_address("s3://my.bucket/sets/signs/") == ("my.bucket", "sets/signs")
    assert split_address("s3://bucket") == ("bucket", "")


@pytest.mark.parametrize(
    "address", ["", "bucket", "http://bucket/a", "s3://", "s3:///a", "s3://b", "s3://bucket/a//b", "s3://bucket/../a"]
)
def test_anything_else_is_refused_with_the_form(address):
    with pytest.raises(ValueError, match="write s3://BUCKET/PREFIX"):
        split_address(address)


@pytest.mark.parametrize("check", [split_address, check_endpoint])
def test_credentials_in_an_address_are_refused_and_not_repeated(check):
    scheme = "s3" if check is split_address else "https"
    with pytest.raises(ValueError, match="AWS_") as raised:
        check(f"{scheme}://KEYEXAMPLE:SECRETEXAMPLE@bucket/prefix")
    assert "EXAMPLE" not in str(raised.value)


def test_an_endpoint_is_http_with_a_host():
    check_endpoint("http://localhost:9000")
    check_endpoint("https://minio.example.org")
    for wrong in ("localhost:9000", "ftp://host", "http://"):
        with pytest.raises(ValueError, match="is not http://HOST:PORT"):
            check_endpoint(wrong)
