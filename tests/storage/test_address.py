import pytest

from lowres.storage.address import check_endpoint, split_address
from lowres.storage.push import push_folder


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
    check_endpoint("https://store.example.org/storage/s3")
    for wrong in ("localhost:9000", "ftp://host", "http://"):
        with pytest.raises(ValueError, match="is not http://HOST:PORT"):
            check_endpoint(wrong)


@pytest.mark.parametrize("wrong", ["http://host:abc", "http://host:99999", "http://[::1"])
def test_an_endpoint_that_cannot_be_read_is_refused_with_the_form(wrong):
    with pytest.raises(ValueError, match=r"cannot be read .*write http://HOST:PORT"):
        check_endpoint(wrong)


@pytest.mark.parametrize("bucket", ["ab", "b", "a" * 64, "-bucket", "my bucket"])
def test_a_bucket_name_that_cannot_be_is_refused_with_the_rule(bucket):
    with pytest.raises(ValueError, match=r"no bucket can be called .* 3 to 63 letters"):
        split_address(f"s3://{bucket}/prefix")


@pytest.mark.parametrize("url", ["http://host:9000/?signature=EXAMPLE", "http://host/#EXAMPLE"])
@pytest.mark.parametrize("by_variable", [True, False])
def test_an_endpoint_with_a_query_is_refused_and_the_query_not_repeated(url, by_variable, folder, monkeypatch):
    if by_variable:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ValueError, match="has a query or fragment after its host host; write http") as raised:
        push_folder(folder, "s3://bucket/set", endpoint_url=None if by_variable else url, attempts=1)
    assert "EXAMPLE" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://KEY:SECRETEXAMPLE @host", "http://a b:3", "http://host:abc", "http://[::1", "http://h\nh"]
)
def test_an_endpoint_variable_that_botocore_refuses_ends_with_one_line_that_does_not_repeat_secrets(
    url, folder, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ValueError, match=r"AWS_ENDPOINT_URL|AWS_\* variables") as raised:
        push_folder(folder, "s3://bucket/set", attempts=1)
    assert "EXAMPLE" not in str(raised.value)
    assert "\n" not in str(raised.value)
