"""One prefix of one bucket, behind retries: the few requests that a push and a pull consist of.

Checksum mode is botocore's `request_checksum_calculation`. `when_supported` (its default) sends a CRC with each body
and checks what comes back; `when_required` does neither, for MinIO and other stores that refuse the new headers,
and then bodies carry the old Content-MD5. Either way the service sees a body that was damaged on the way.
"""

import base64
import hashlib
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from lowres.storage.address import check_endpoint, split_address
from lowres.storage.errors import REMOTE_ERRORS, error_code, is_missing, is_not_offered
from lowres.storage.retry import Retry

Checksums = Literal["when_supported", "when_required"]
CHECKSUMS = ("when_supported", "when_required")


def open_store(
    address: str,
    *,
    endpoint_url: str | None,
    checksums: Checksums | None,
    threads: int,
    attempts: int,
    backoff_s: float,
    timeout_s: float,
    session: Session | None = None,
    stop: threading.Event | None = None,
) -> "Store":
    """The store at `s3://bucket/prefix`; None leaves endpoint and checksum mode to AWS's variables and profile.

    `session` holds credentials of another origin than AWS's variables, such as DVC's configuration. Once `stop` is set,
    requests end with StoppedError.

    Raises:
        ValueError: a wrong address, endpoint, profile or setting.
    """
    bucket, prefix = split_address(address)
    if endpoint_url is not None:
        check_endpoint(endpoint_url)
    if checksums is not None and checksums not in CHECKSUMS:
        raise ValueError(f"checksums is {checksums!r}; it is one of {', '.join(CHECKSUMS)}")
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1")
    # Its DEBUG lines hold the session token and signatures.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    options: dict[str, Any] = {} if checksums is None else {"request_checksum_calculation": checksums}
    if checksums is not None:
        options["response_checksum_validation"] = checksums
    config = Config(
        max_pool_connections=2 * threads,
        connect_timeout=min(timeout_s, 10),
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},  # one policy: ours
        **options,
    )
    try:
        client = (session or Session()).client("s3", endpoint_url=endpoint_url, config=config)
    except REMOTE_ERRORS as error:
        raise ValueError(f"{address}: the AWS settings cannot be used ({type(error).__name__}: {error})") from None
    except ValueError:  # botocore's words repeat the URL, with whatever it holds
        raise ValueError(
            "the endpoint URL (--endpoint-url or AWS_ENDPOINT_URL) has a host or port that cannot be; write http://HOST:PORT"
        ) from None
    check_endpoint(client.meta.endpoint_url)
    return Store(client, bucket=bucket, prefix=prefix, retry=Retry(attempts=attempts, backoff_s=backoff_s, stop=stop))


@dataclass(frozen=True)
class Noted:
    """The sha256 that an object's pusher noted, and the CRC32 that the service took itself; empty where there is none.

    Metadata outlive a change of the content; the service's CRC32 is of what it was sent last. It is that of the CRC32s
    of `parts` parts, or of the whole for None.
    """

    sha256: str = ""
    crc32: str = ""
    parts: int | None = None


class Store:
    """Objects below a prefix by relative path. Errors are ValueErrors that name the object and the remedy."""

    def __init__(self, client: Any, *, bucket: str, prefix: str, retry: Retry) -> None:
        self.retry = retry
        self._client = client
        self._bucket = bucket
        self._prefix = prefix + "/" if prefix else ""
        self._crc = client.meta.config.request_checksum_calculation == "when_supported"

    def name(self, path: str) -> str:
        """The full address of an object, for messages."""
        return f"s3://{self._bucket}/{self._prefix}{path}"

    def sizes(self) -> dict[str, int]:
        """Size in bytes of every object below the prefix, by relative path."""
        found: dict[str, int] = {}
        more: dict[str, str] = {}
        while True:
            page = self._run(
                lambda more=more: self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, **more),
                path="",
                doing="list",
            )
            for item in page.get("Contents", []):
                found[item["Key"].removeprefix(self._prefix)] = item["Size"]
            if not page.get("IsTruncated"):
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def noted(self, path: str) -> Noted:
        """What is known of an object's content without reading it."""
        asked = {"ChecksumMode": "ENABLED"} if self._crc else {}

        def head() -> Noted:
            try:
                answer = self._client.head_object(**self._object(path), **asked)
            except ClientError as error:
                if is_missing(error):
                    return Noted()
                raise
            crc32, _, parts = answer.get("ChecksumCRC32", "").partition("-")
            if not parts and answer.get("ChecksumType") != "FULL_OBJECT":  # some stores tell the number here alone
                parts = answer.get("ETag", "").strip('"').partition("-")[2]
            sha256 = answer.get("Metadata", {}).get("sha256", "")
            return Noted(sha256=sha256, crc32=crc32, parts=int(parts) if parts.isdecimal() else None)

        return self._run(head, path=path, doing="look up")

    def size(self, path: str) -> int | None:
        """Size of an object in bytes; None where there is none."""

        def head() -> int | None:
            try:
                return self._client.head_object(**self._object(path))["ContentLength"]
            except ClientError as error:
                if is_missing(error):
                    return None
                raise

        return self._run(head, path=path, doing="look up")

    def put(self, path: str, data: bytes, *, sha256: str) -> None:
        """Write an object in one request."""
        extra = {**self._integrity(data), "Metadata": {"sha256": sha256}}
        self._run(lambda: self._client.put_object(**self._object(path), Body=data, **extra), path=path, doing="write")

    def begin(self, path: str, *, sha256: str) -> str:
        """Begin an object in parts; nothing is seen under its name until `complete`."""
        extra: dict[str, Any] = {"Metadata": {"sha256": sha256}} | ({"ChecksumAlgorithm": "CRC32"} if self._crc else {})
        begun = self._run(
            lambda: self._client.create_multipart_upload(**self._object(path), **extra), path=path, doing="begin"
        )
        return begun["UploadId"]

    def unfinished(self, path: str) -> list[str]:
        """Uploads of an object that were begun and have not ended, the latest first.

        Empty where the service or the credentials do not allow to ask.
        """
        place = self._object(path)

        def ask() -> list[dict[str, Any]]:
            try:
                answer = self._client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
            except ClientError as error:
                if is_not_offered(error):
                    return []
                raise
            return [found for found in answer.get("Uploads", []) if found["Key"] == place["Key"]]

        found = self._run(ask, path=path, doing="list unfinished uploads of")
        return [upload["UploadId"] for upload in sorted(found, key=lambda found: found["Initiated"], reverse=True)]

    def parts(self, path: str, upload: str) -> list[dict[str, Any]]:
        """PartNumber, Size, ETag and, in that checksum mode, ChecksumCRC32 of each part of an unfinished upload.

        Empty where it has ended meanwhile or is in another checksum mode, which parts of ours could not join, and where
        the credentials do not allow to ask.
        """
        parts: list[dict[str, Any]] = []
        more: dict[str, int] = {}
        while True:

            def ask(more: dict[str, int] = more) -> dict[str, Any]:
                try:
                    return self._client.list_parts(**self._object(path), UploadId=upload, **more)
                except ClientError as error:
                    if is_not_offered(error) or error_code(error) == "NoSuchUpload":
                        return {}
                    raise

            page = self._run(ask, path=path, doing="list the parts of")
            parts += page.get("Parts", [])
            if not page.get("IsTruncated"):
                return parts if all(("ChecksumCRC32" in part) == self._crc for part in parts) else []
            more = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def put_part(self, path: str, upload: str, number: int, data: bytes) -> dict[str, Any]:
        """Write part `number`, from 1; returns what `complete` needs of it, among other things."""
        place = {**self._object(path), "UploadId": upload, "PartNumber": number}
        extra = self._integrity(data)
        done = self._run(
            lambda: self._client.upload_part(**place, Body=data, **extra), path=path, doing=f"write part {number} of"
        )
        return {"PartNumber": number, **done}

    def complete(self, path: str, upload: str, parts: list[dict[str, Any]], *, sha256: str) -> None:
        """Put the parts, as `put_part` or `parts` gave them, together under the object's name."""
        named = [{key: part[key] for key in ("PartNumber", "ETag", "ChecksumCRC32") if key in part} for part in parts]

        def complete() -> None:
            try:
                self._client.complete_multipart_upload(
                    **self._object(path), UploadId=upload, MultipartUpload={"Parts": named}
                )
            except ClientError as error:
                # The upload ends when it succeeds: after a lost answer, the next try finds it gone.
                if error_code(error) != "NoSuchUpload" or self.noted(path).sha256 != sha256:
                    raise

        self._run(complete, path=path, doing="complete")

    def abort(self, path: str, upload: str) -> None:
        """Give the parts up, once; what stays behind ends with the bucket's own rule for unfinished uploads."""
        with suppress(*REMOTE_ERRORS):
            self._client.abort_multipart_upload(**self._object(path), UploadId=upload)

    def remove(self, path: str) -> None:
        """Remove an object; one that is not there is fine."""
        self._run(lambda: self._client.delete_object(**self._object(path)), path=path, doing="remove")

    def read_small(self, path: str, *, max_bytes: int) -> bytes | None:
        """A whole object; None where there is none.

        Raises:
            ValueError: it is longer than `max_bytes`.
        """

        def get() -> bytes | None:
            try:
                answer = self._client.get_object(**self._object(path))
            except ClientError as error:
                if error_code(error) in ("NoSuchKey", "404"):
                    return None
                raise
            with answer["Body"] as body:
                return body.read(max_bytes + 1) if answer["ContentLength"] > max_bytes else body.read()

        data = self._run(get, path=path, doing="read")
        if data is not None and len(data) > max_bytes:
            raise ValueError(f"{self.name(path)}: is longer than {max_bytes} bytes; refused")
        return data

    def read_from(self, path: str, start: int, *, chunk_bytes: int) -> "tuple[int, int, Iterator[bytes]]":
        """One request, without retries: where the answer begins (0 where ranges are not known), the object's whole
        size, and its bytes from there. Raises boto3's own errors, for `Retry.run` around it.
        """
        asked = {"Range": f"bytes={start}-"} if start else {}
        answer = self._client.get_object(**self._object(path), **asked)
        covered = answer.get("ContentRange", "")
        first = start if start and covered.startswith(f"bytes {start}-") else 0
        return first, first + answer["ContentLength"], _chunks(answer["Body"], chunk_bytes)

    def _object(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + path}

    def _integrity(self, data: bytes) -> dict[str, str]:
        if self._crc:
            return {"ChecksumAlgorithm": "CRC32"}
        return {"ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}

    def _run(self, call: Any, *, path: str, doing: str) -> Any:
        return self.retry.run(call, doing=f"{doing} {self.name(path)}")


def _chunks(body: Any, chunk_bytes: int) -> Iterator[bytes]:
    with body:
        while chunk := body.read(chunk_bytes):
            yield chunk
