"""`s3://bucket/prefix`, taken apart; an address with credentials in it is refused without being repeated."""

import re
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def split_address(address: str) -> tuple[str, str]:
    """Bucket and prefix; the prefix has no slash at its ends and is empty for a whole bucket.

    Raises:
        ValueError: not an S3 address.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    if "@" in bucket or ":" in bucket:
        raise ValueError(
            "the S3 address has more than a bucket before its first slash; credentials go in AWS_* variables"
        )
    if scheme != "s3" or not bucket:
        raise ValueError(f"{address!r} is no S3 address; write s3://BUCKET/PREFIX")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f"{address!r}: no bucket can be called {bucket!r:.80}; names have 3 to 63 letters, digits, '.', '-' and "
            "'_', the first and the last a letter or digit; write s3://BUCKET/PREFIX"
        )
    prefix = prefix.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise ValueError(f"{address!r}: the prefix has an empty part, '.' or '..'; write s3://BUCKET/PREFIX")
    return bucket, prefix


def check_endpoint(endpoint_url: str) -> None:
    """Accept `http://host:port` and `https://host:port`, also with a path, without credentials or query in it.

    Raises:
        ValueError: anything else; credentials are not repeated.
    """
    form = "http://HOST:PORT or https://HOST:PORT (--endpoint-url or AWS_ENDPOINT_URL)"
    if "@" in endpoint_url:
        raise ValueError("the endpoint URL holds credentials; put them in AWS_* variables, and only host and port here")
    shown = endpoint_url.partition("?")[0]  # a query may be signed
    try:
        parts = urlsplit(endpoint_url)
        _ = parts.port  # a ValueError where it is no number up to 65535
    except ValueError as error:
        raise ValueError(f"endpoint URL {shown!r} cannot be read ({error}); write {form}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"endpoint URL {shown!r} is not {form}")
    if parts.query or parts.fragment:
        raise ValueError(f"the endpoint URL has a query or fragment after its host {parts.hostname}; write {form}")
