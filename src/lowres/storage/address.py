"""`s3://bucket/prefix`, taken apart; an address that may hold credentials is refused without being repeated."""

import re
import unicodedata
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
# Userinfo needs an '@' or a colon that begins no port, a query a '?', '=', '&', ';' or '#'; '%' can stand for any.
_HARMLESS = re.compile(r"((s3[an]?|gs|ftp|https?|file):/+)?[^@:?=&;#%]*(:\d{0,5})?([/\\][^@:?=&;#%]*)?")
_FORM = "write s3://BUCKET/PREFIX"


def split_address(address: str) -> tuple[str, str]:
    """Bucket and prefix; the prefix has no slash at its ends and is empty for a whole bucket.

    Raises:
        ValueError: not an S3 address; it is repeated only where it cannot hold credentials.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    shown = _shown(address, "the address")
    if "@" in bucket or ":" in bucket:
        raise ValueError(
            "the S3 address has more than a bucket before its first slash; credentials go in AWS_* variables"
        )
    if scheme != "s3" or not bucket:
        raise ValueError(f"{shown} is no S3 address; {_FORM}")
    if "?" in address:  # a signed URL's secrets would be in every name below it
        raise ValueError(f"an S3 address has no query after a '?'; {_FORM}")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f"{shown}: no bucket can be called {_shown(bucket, 'that'):.80}; names have 3 to 63 letters, digits, '.', "
            f"'-' and '_', the first and the last a letter or digit; {_FORM}"
        )
    prefix = prefix.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise ValueError(f"{shown}: the prefix has an empty part, '.' or '..'; {_FORM}")
    return bucket, prefix


def check_endpoint(endpoint_url: str) -> None:
    """Accept `http://host:port` and `https://host:port`, also with a path, without credentials or query in it.

    Raises:
        ValueError: anything else; it is repeated only where it cannot hold credentials.
    """
    form = "http://HOST:PORT or https://HOST:PORT (--endpoint-url or AWS_ENDPOINT_URL)"
    if "@" in endpoint_url:
        raise ValueError("the endpoint URL holds credentials; put them in AWS_* variables, and only host and port here")
    shown = _shown(endpoint_url, "given")
    try:
        parts = urlsplit(endpoint_url)
        _ = parts.port  # a ValueError where it is no number up to 65535
    except ValueError:  # its words repeat what stands where the port should
        raise ValueError(f"the endpoint URL {shown} cannot be read (host or port); write {form}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the endpoint URL {shown} is not {form}")
    if parts.query or parts.fragment:
        host = _shown(parts.hostname, "name")
        raise ValueError(f"the endpoint URL has a query or fragment after its host {host}; write {form}")


def _shown(text: str, otherwise: str) -> str:
    """The text in quotes, or other words where credentials could be in it."""
    return repr(text) if _HARMLESS.fullmatch(unicodedata.normalize("NFKC", text)) else otherwise
