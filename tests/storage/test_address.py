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
    with pytest.raises(ValueError, match=r"write s3://BUCKET/PREFIX"):
        split_address(address)


USER, QUERY = "AKIAEXAMPLE:wJalrEXAMPLE", "X-Amz-Security-Token=FwoGEXAMPLE&X-Amz-Signature=0123EXAMPLE"
SCHEMES = ["", "s3:", "s3:/", "s3://", "s3:///", "S3://", "s3n://", "https://", "//", "http:/", " s3://", "EXAMPLE://"]
RESTS = [
    f"{USER}@bucket",
    f"{USER}@bucket/x",
    f"{USER}@/x",
    f"{USER}/x",
    USER,
    f"{USER.replace(':', '%3A')}%40bucket/x",
    f"{USER}\uff20bucket/x",
    f"user@host:EXAMPLE/{USER}@bucket",
    f"bucket?{QUERY}",
    f"b.s3.amazonaws.com/x?{QUERY}",
    f"bucket/x?{QUERY}",
    f"bucket//x?{QUERY}",
    f"b?{QUERY}",
    f"bucket/../x?{QUERY}",
    f"bucket/../x&{QUERY}",
    f"bucket/../#{QUERY}",
    f"bucket/../{USER}@x",
    f"bucket/x\n?{QUERY}",
]


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_malformed_address_has_its_userinfo_or_query_repeated(scheme, rest):
    with pytest.raises(ValueError, match=r"write s3://|AWS_") as raised:
        split_address(scheme + rest)
    assert "EXAMPLE" not in str(raised.value).upper()


@pytest.mark.parametrize("rest", [rest for rest in RESTS if "/x&" not in rest and "%40" not in rest])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_malformed_endpoint_has_its_userinfo_or_query_repeated(scheme, rest):
    with pytest.raises(ValueError, match=r"write http://|is not http://|AWS_") as raised:
        check_endpoint(scheme + rest)
    assert "EXAMPLE" not in str(raised.value).upper()


@pytest.mark.parametrize("rest", RESTS)
def test_a_push_does_not_repeat_them_either(rest, folder):
    with pytest.raises(ValueError, match=r"address") as raised:
        push_folder(folder, f"s3://{rest}", endpoint_url="http://127.0.0.1:9", attempts=1, backoff_s=0.001)
    assert "EXAMPLE" not in str(raised.value)


@pytest.mark.parametrize("address", ["bucket/sets", "http://bucket/a", "s3:/bucket/sets"])
def test_a_wrong_address_without_secrets_is_repeated(address):
    with pytest.raises(ValueError, match=f"^'{address}' is no S3 address"):
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
    with pytest.raises(ValueError, match="has a query or fragment after its host 'host'; write http") as raised:
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
