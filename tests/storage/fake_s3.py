"""A small S3 over HTTP, in a thread, with faults on order: the part of the protocol that a push and a pull use.

It keeps what it is sent in memory, checks Content-MD5, and answers ranges. `fault_rate` of the requests fail, in turn
by a 500, a 503, a reset before the request is acted on, a reset after it, a body that breaks off, and silence that
outlasts the client's patience.
"""

import base64
import binascii
import hashlib
import random
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

FAULTS = ("500", "503", "reset", "reset after", "break off", "silence")


class FakeS3:
    def __init__(self, *, silence_s: float = 1.5) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}  # "bucket/key" -> content, sha256 from the metadata
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self.upload_modes: dict[str, str] = {}  # the checksum algorithm that an upload was begun with
        self.lists_uploads = True
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.injected: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self.fault_rate = 0.0
        self.faults = FAULTS
        self.refuse_with = ""  # a code, for every request
        self.refuse_message = "refused"
        self.refused_at: list[float] = []
        self.chunk_delay_s = 0.0  # between 64 KiB of an answer
        self.part_delay_s = 0.0  # from when a part has arrived until it is kept
        self.refused_part = 0  # a number, for good
        self.orphans: list[int] = []  # parts that were kept after their upload was given up, as S3 may do
        self.page_size = 1000
        self.crc32s: dict[str, tuple[str, int]] | None = None  # "bucket/key" -> base64, parts or 0; None keeps none
        self.tells_parts_in = "crc32"  # as S3 does, or "etag"
        self.silence_s = silence_s
        self.lock = threading.Lock()
        self.random = random.Random(7)
        handler = type("Handler", (_Handler,), {"s3": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "FakeS3":
        self.thread.start()
        return self

    def __exit__(self, *unused) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fault(self) -> str:
        with self.lock:
            if self.random.random() >= self.fault_rate:
                return ""
            kind = self.faults[sum(self.injected.values()) % len(self.faults)]
            self.injected[kind] += 1
            return kind

    def spoil(self, name: str, position: int) -> None:
        """Flip a bit of an object; a CRC32 is kept anew, as when somebody writes it with the old metadata."""
        data, sha256 = self.objects[name]
        changed = bytearray(data)
        changed[position] ^= 1
        self.objects[name] = (bytes(changed), sha256)
        self.keep_crc32(name, [bytes(changed)])

    def keep_crc32(self, name: str, parts: list[bytes], *, whole: bool = True) -> None:
        if self.crc32s is not None:
            crcs = [binascii.crc32(part).to_bytes(4, "big") for part in parts]
            crc = crcs[0] if whole else binascii.crc32(b"".join(crcs)).to_bytes(4, "big")
            self.crc32s[name] = base64.b64encode(crc).decode(), 0 if whole else len(parts)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address) -> None:
        pass  # resets are part of the game


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    s3: FakeS3

    def log_message(self, format, *arguments) -> None:
        pass

    def handle_expect_100(self) -> bool:
        """Say at once that the body may come: a client waits a second for it before it sends it all the same."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        if self.fault_kind == "reset after":
            return self.reset()
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.fault_kind == "break off" and body:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            return self.reset()
        if self.command == "HEAD":
            body = b""
        step = 65536 if self.s3.chunk_delay_s else max(1, len(body))
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            time.sleep(self.s3.chunk_delay_s)
        self.wfile.flush()
        return None

    def error(self, status: int, code: str, message: str = "") -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>".encode())

    def reset(self) -> None:
        """Close so that the client gets a RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def do(self) -> None:
        parts = urlsplit(self.path)
        self.name = unquote(parts.path.lstrip("/"))
        self.query = {key: value[0] for key, value in parse_qs(parts.query, keep_blank_values=True).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client is gone
            return self.reset()
        self.s3.requests.append((self.command, self.name, dict(self.headers)))
        self.fault_kind = self.s3.fault()
        if self.s3.refuse_with:
            self.fault_kind = ""
            self.s3.refused_at.append(time.monotonic())
            return self.error(403, self.s3.refuse_with, self.s3.refuse_message)
        if self.fault_kind in ("500", "503"):
            return self.error(int(self.fault_kind), {"500": "InternalError", "503": "SlowDown"}[self.fault_kind])
        if self.fault_kind == "reset":
            return self.reset()
        if self.fault_kind == "silence":
            time.sleep(self.s3.silence_s)
            return self.reset()
        md5 = self.headers.get("Content-MD5")
        if md5 and base64.b64decode(md5) != hashlib.md5(body).digest():
            return self.error(400, "BadDigest")
        return getattr(self, f"on_{self.command.lower()}")(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do

    def on_put(self, body: bytes) -> None:
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        if "uploadId" not in self.query:
            self.s3.objects[self.name] = (body, self.headers.get("x-amz-meta-sha256", ""))
            self.s3.keep_crc32(self.name, [body])
        elif self.query["uploadId"] in self.s3.uploads:
            number = int(self.query["partNumber"])
            if number == self.s3.refused_part:
                return self.error(403, "AccessDenied")
            time.sleep(self.s3.part_delay_s)
            if self.query["uploadId"] not in self.s3.uploads:
                self.s3.orphans.append(number)
            else:
                self.s3.uploads[self.query["uploadId"]][2][number] = body
        else:
            return self.error(404, "NoSuchUpload")
        return self.answer(200, ETag=tag)

    def on_post(self, body: bytes) -> None:
        if "uploads" in self.query:
            with self.s3.lock:
                upload = f"upload-{len(self.s3.uploads)}-{self.s3.random.random()}"
                self.s3.uploads[upload] = (self.name, self.headers.get("x-amz-meta-sha256", ""), {})
                self.s3.upload_modes[upload] = self.headers.get("x-amz-checksum-algorithm", "")
            return self.answer(200, f"<R><UploadId>{upload}</UploadId></R>".encode())
        begun = self.s3.uploads.pop(self.query["uploadId"], None)
        if begun is None:
            return self.error(404, "NoSuchUpload")
        name, sha256, parts = begun
        wanted = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", body.decode())]
        self.s3.objects[name] = (b"".join(parts[number] for number in wanted), sha256)
        self.s3.keep_crc32(name, [parts[number] for number in wanted], whole=False)
        return self.answer(200, b"<R><ETag>done</ETag></R>")

    def on_delete(self, body: bytes) -> None:
        if "uploadId" in self.query:
            self.s3.uploads.pop(self.query["uploadId"], None)
        else:
            self.s3.objects.pop(self.name, None)
        self.answer(204)

    def on_head(self, body: bytes) -> None:
        if self.name not in self.s3.objects:
            return self.answer(404)
        data, sha256 = self.s3.objects[self.name]
        told = {"x_amz_meta_sha256": sha256}
        if self.s3.crc32s is not None and self.headers.get("x-amz-checksum-mode") == "ENABLED":
            crc32, parts = self.s3.crc32s[self.name]
            number = f"-{parts}" if parts else ""
            told["ETag"] = f'"etag{number}"'
            told["x_amz_checksum_crc32"] = crc32 + (number if self.s3.tells_parts_in == "crc32" else "")
        return self.answer(200, length=str(len(data)), **told)

    def on_get(self, body: bytes) -> None:
        if "list-type" in self.query:
            return self.list()
        if "uploads" in self.query or "uploadId" in self.query:
            return self.list_uploads() if self.s3.lists_uploads else self.error(403, "AccessDenied")
        if self.name not in self.s3.objects:
            return self.error(404, "NoSuchKey")
        data, _ = self.s3.objects[self.name]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked:
            return self.answer(200, data)
        start = int(asked[1])
        if start >= len(data):
            return self.error(416, "InvalidRange")
        return self.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")

    def list_uploads(self) -> None:
        if "uploadId" in self.query:
            return self.list_parts()
        bucket = self.name.strip("/")
        start = f"{bucket}/{self.query.get('prefix', '')}"
        rows = ""
        for index, (upload, (name, _, _)) in enumerate(self.s3.uploads.items()):
            if name.startswith(start):
                key = escape(name.removeprefix(bucket + "/"))
                begun = f"<Initiated>2026-01-01T00:00:{index:02d}.000Z</Initiated>"
                rows += f"<Upload><Key>{key}</Key><UploadId>{upload}</UploadId>{begun}</Upload>"
        return self.answer(200, f"<ListMultipartUploadsResult>{rows}</ListMultipartUploadsResult>".encode())

    def list_parts(self) -> None:
        if self.query["uploadId"] not in self.s3.uploads:
            return self.error(404, "NoSuchUpload")
        parts = self.s3.uploads[self.query["uploadId"]][2]
        keeps_crc32 = self.s3.crc32s is not None and self.s3.upload_modes[self.query["uploadId"]] == "CRC32"
        numbers = [number for number in sorted(parts) if number > int(self.query.get("part-number-marker", 0))]
        page, rows = numbers[: self.s3.page_size], ""
        for number in page:
            tag = hashlib.md5(parts[number]).hexdigest()
            crc = base64.b64encode(binascii.crc32(parts[number]).to_bytes(4, "big")).decode()
            crc = f"<ChecksumCRC32>{crc}</ChecksumCRC32>" if keeps_crc32 else ""
            size = f"<Size>{len(parts[number])}</Size>"
            rows += f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{tag}&quot;</ETag>{size}{crc}</Part>"
        more = len(page) < len(numbers)
        after = f"<NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>" if more else ""
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return self.answer(200, f"<ListPartsResult>{truncated}{after}{rows}</ListPartsResult>".encode())

    def list(self) -> None:
        bucket = self.name.strip("/")
        start = f"{bucket}/{self.query.get('prefix', '')}"
        names = sorted(name for name in self.s3.objects if name.startswith(start))
        begin = int(self.query.get("continuation-token", 0))
        end = begin + self.s3.page_size
        rows = "".join(
            f"<Contents><Key>{escape(name.removeprefix(bucket + '/'))}</Key><Size>{len(self.s3.objects[name][0])}</Size></Contents>"
            for name in names[begin:end]
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(names) else ""
        truncated = "true" if more else "false"
        self.answer(
            200,
            f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>".encode(),
        )
