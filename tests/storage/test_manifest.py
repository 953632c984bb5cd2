import hashlib
import json

import pytest

from lowres.storage.manifest import Entry, decode_manifest, encode_manifest

SHA = hashlib.sha256(b"abc").hexdigest()
CAPS = {"where": "s3://b/lowres-manifest.json", "max_files": 10, "max_bytes": 1000}


def signed(content):
    """A manifest as somebody with write access to the bucket would make it: any content, the right checksum."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps({**content, "sha256": hashlib.sha256(canonical).hexdigest()}).encode()


def test_what_is_written_is_what_is_read_in_the_order_of_the_paths():
    entries = [Entry("b/ü", 3, SHA), Entry("a", 0, SHA)]
    assert decode_manifest(encode_manifest(entries), **CAPS) == entries[::-1]
    assert encode_manifest(entries) == encode_manifest(entries[::-1])


def test_the_checksum_finds_a_changed_byte():
    data = encode_manifest([Entry("a", 3, SHA)])
    with pytest.raises(ValueError, match="differs from its checksum"):
        decode_manifest(data.replace(b'"bytes":3', b'"bytes":4'), **CAPS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'"a"',
        b"NaN",
        b"[" * 100_000,
        b'{"format": 1, "files": ' + b"[" * 100_000,
        b"1" * 5000,
    ]
    + [signed({"format": 2, "files": []}), signed({"format": 1}), signed({"format": 1, "files": {}})]
    + [
        signed({"format": 1, "files": [row]})
        for row in (
            None,
            [],
            {},
            {"path": "a", "bytes": 3},
            {"path": 1, "bytes": 3, "sha256": SHA},
            {"path": "a", "bytes": -3, "sha256": SHA},
            {"path": "a", "bytes": True, "sha256": SHA},
            {"path": "a", "bytes": 1.5, "sha256": SHA},
            {"path": "a", "bytes": 3, "sha256": "../../x"},
            {"path": "a", "bytes": 3, "sha256": SHA.upper()},
            {"path": "a", "bytes": 3, "sha256": SHA, "link": "/etc"},
        )
    ],
)
def test_what_is_no_manifest_is_refused_by_name(data):
    with pytest.raises(ValueError, match=r"s3://b/lowres-manifest.json: .*push the folder again"):
        decode_manifest(data, **CAPS)


def test_more_files_or_bytes_than_allowed_are_refused():
    with pytest.raises(ValueError, match="names 11 files, max_files is 10"):
        decode_manifest(encode_manifest([Entry(str(n), 1, SHA) for n in range(11)]), **CAPS)
    with pytest.raises(ValueError, match="--max-gb"):
        decode_manifest(encode_manifest([Entry("a", 500, SHA), Entry("b", 501, SHA)]), **CAPS)


def test_a_limit_that_is_no_number_allows_nothing():
    with pytest.raises(ValueError, match=r"at most nan GB are allowed; raise the limit \(--max-gb\)"):
        decode_manifest(encode_manifest([Entry("a", 1, SHA)]), **CAPS | {"max_bytes": float("nan")})


def test_a_path_that_leaves_the_folder_is_refused():
    with pytest.raises(ValueError, match="leaves the folder"):
        decode_manifest(encode_manifest([Entry("../a", 1, SHA)]), **CAPS)
