import logging
import time

import pytest
from tests.storage.conftest import SECRET, TOKEN, contents, quick
from tests.storage.fake_s3 import FAULTS

from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder

ADDRESS = "s3://bucket/sets/signs"
LARGE = "train/large.tar"


def push(s3, folder, **options):
    return push_folder(folder, ADDRESS, **{**quick(s3), "part_bytes": 100_000, **options})


def pull(s3, folder, **options):
    return pull_folder(ADDRESS, folder, **{**quick(s3), **options})


@pytest.mark.parametrize("checksums", [None, "when_supported", "when_required"])
def test_what_is_pulled_is_what_was_pushed(s3, folder, tmp_path, checksums):
    sent = push(s3, folder, checksums=checksums)
    got = pull(s3, tmp_path / "copy", checksums=checksums)
    assert contents(tmp_path / "copy") == contents(folder)
    assert (sent["files"], sent["sent"], sent["already_there"]) == (9, 9, 0)
    assert (got["fetched"], got["bytes_fetched"], got["not_in_manifest"]) == (9, sent["bytes"], 0)
    puts = [headers for method, name, headers in s3.requests if method == "PUT" and name.endswith(".tar")]
    assert len(puts) == 7 + 5  # the large file in parts
    assert all(("Content-MD5" in headers) == (checksums == "when_required") for headers in puts)


def test_all_files_arrive_intact_when_three_requests_in_ten_fail(s3, folder, tmp_path):
    for index in range(40):  # enough requests for every kind of fault, on both ways
        (folder / f"{index}.bin").write_bytes(bytes([index]) * 70_000)
    s3.fault_rate = 0.3
    sent = push(s3, folder, timeout_s=0.5)  # sooner than the server's silence ends
    on_the_way_up = dict(s3.injected)
    got = pull(s3, tmp_path / "copy", timeout_s=0.5)
    s3.fault_rate = 0.0
    assert contents(tmp_path / "copy") == contents(folder)
    assert (
        contents(folder).items()
        <= {n.removeprefix("bucket/sets/signs/"): d for n, (d, _) in s3.objects.items()}.items()
    )
    assert all(on_the_way_up[kind] >= 1 and s3.injected[kind] > on_the_way_up[kind] for kind in FAULTS)
    assert sent["retries"] > 5
    assert got["retries"] > 5


def test_a_wrong_byte_is_refused_and_nothing_is_under_its_name(s3, folder, tmp_path):
    push(s3, folder)
    s3.spoil(f"bucket/sets/signs/{LARGE}", 300_000)
    with pytest.raises(ValueError, match=r"large\.tar: damaged, sha256 .* of the manifest; refused"):
        pull(s3, tmp_path / "copy")
    # What other threads were fetching when it was refused may stay as a part, for the next pull to go on from.
    named = {name: data for name, data in contents(tmp_path / "copy").items() if not name.endswith(".lowres-part")}
    assert LARGE not in named
    assert named.items() <= contents(folder).items()


@pytest.mark.parametrize("tells_parts_in", ["crc32", "etag"])
@pytest.mark.parametrize("name", [LARGE, "train/shard 1+ü.tar"])
def test_a_push_repairs_what_differs_from_the_crc32_that_the_service_keeps(s3, folder, tmp_path, name, tells_parts_in):
    s3.crc32s, s3.tells_parts_in = {}, tells_parts_in
    push(s3, folder)
    assert push(s3, folder)["already_there"] == 9
    s3.spoil(f"bucket/sets/signs/{name}", 1)
    with pytest.raises(ValueError, match=r"damaged, .*push the folder again"):
        pull(s3, tmp_path / "copy")
    again = push(s3, folder)
    assert (again["sent"], again["already_there"]) == (1, 8)
    pull(s3, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)


def test_a_crc32_of_other_parts_says_nothing(s3, folder):
    s3.crc32s = {}
    push(s3, folder)
    assert push(s3, folder, part_bytes=200_000)["already_there"] == 9


def test_a_service_without_crc32_is_repaired_by_sending_all_again(s3, folder, tmp_path):
    push(s3, folder)
    s3.spoil(f"bucket/sets/signs/{LARGE}", 300_000)
    assert push(s3, folder)["sent"] == 0
    with pytest.raises(ValueError, match=r"damaged, .*lowres data push --resend"):
        pull(s3, tmp_path / "copy")
    again = push(s3, folder, resend=True)
    assert (again["sent"], again["already_there"], again["bytes_sent"]) == (9, 0, again["bytes"])
    pull(s3, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)


def test_an_object_of_another_size_is_refused_before_it_is_read(s3, folder, tmp_path):
    push(s3, folder)
    name = f"bucket/sets/signs/{LARGE}"
    s3.objects[name] = (s3.objects[name][0] + b"more", s3.objects[name][1])
    with pytest.raises(ValueError, match=r"has 450004 bytes, the manifest says 450000"):
        pull(s3, tmp_path / "copy", threads=1)
    assert LARGE not in contents(tmp_path / "copy")


def test_a_second_push_and_pull_move_nothing(s3, folder, tmp_path):
    push(s3, folder)
    pull(s3, tmp_path / "copy")
    s3.requests.clear()
    again, there = push(s3, folder), pull(s3, tmp_path / "copy")
    assert (again["sent"], again["bytes_sent"], again["already_there"]) == (0, 0, 9)
    assert (there["fetched"], there["bytes_fetched"], there["already_there"]) == (0, 0, 9)
    assert {name for method, name, _ in s3.requests if method == "PUT"} == {"bucket/sets/signs/lowres-manifest.json"}


def test_only_what_changed_moves(s3, folder, tmp_path):
    push(s3, folder)
    pull(s3, tmp_path / "copy")
    (folder / LARGE).write_bytes(b"x" * 450_000)  # the same size
    (tmp_path / "copy/empty.json").write_bytes(b"not empty any more")
    assert push(s3, folder)["sent"] == 1
    assert pull(s3, tmp_path / "copy")["fetched"] == 2
    assert contents(tmp_path / "copy") == contents(folder)


def test_files_that_the_manifest_does_not_name_stay(s3, folder, tmp_path):
    push(s3, folder)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/notes.txt").write_text("mine")
    assert pull(s3, tmp_path / "copy")["not_in_manifest"] == 1
    assert (tmp_path / "copy/notes.txt").read_text() == "mine"


def test_a_listing_of_several_pages_is_read_whole(s3, folder):
    push(s3, folder)
    s3.page_size = 2
    assert push(s3, folder)["already_there"] == 9


def test_a_push_that_fails_leaves_no_manifest_and_no_unfinished_upload(s3, folder):
    s3.fault_rate, s3.faults = 1.0, ("503",)
    with pytest.raises(
        ValueError, match=r"list s3://bucket/sets/signs/: the service answered 503 SlowDown \(tried 3 times\)"
    ):
        push_folder(folder, ADDRESS, **{**quick(s3), "attempts": 3})
    assert s3.objects == {}
    s3.fault_rate = 0.0
    put_part, s3.uploads = s3.uploads, _LosesAnUpload()
    with pytest.raises(ValueError, match=r"large\.tar: the service answered 404 NoSuchUpload"):
        push(s3, folder)
    assert s3.uploads == put_part == {}
    assert not [name for name in s3.objects if "manifest" in name or "large" in name]


def test_an_upload_is_given_up_only_when_none_of_its_parts_is_on_its_way_any_more(s3, folder):
    s3.refused_part, s3.part_delay_s = 1, 0.3
    with pytest.raises(ValueError, match=r"write part 1 of .*large\.tar: access denied"):
        push(s3, folder, threads=3)
    given_up = next(i for i, (method, name, _) in enumerate(s3.requests) if method == "DELETE" and name.endswith(LARGE))
    assert not [name for method, name, _ in s3.requests[given_up:] if method == "PUT"]
    time.sleep(0.4)  # a part that was on its way would be kept by now
    assert s3.orphans == []
    assert s3.uploads == {}


class _LosesAnUpload(dict):
    """Uploads that end when their third part is written."""

    def __setitem__(self, upload, begun):
        name, sha256, _ = begun
        super().__setitem__(upload, (name, sha256, _Parts(self, upload)))


class _Parts(dict):
    def __init__(self, uploads, upload):
        self.uploads, self.upload = uploads, upload

    def __setitem__(self, number, data):
        if number == 3:
            self.uploads.pop(self.upload, None)
        super().__setitem__(number, data)


def test_a_pull_of_nothing_says_so(s3, tmp_path):
    with pytest.raises(
        ValueError, match=r"s3://bucket/sets/signs/lowres-manifest.json: no such object; nothing was pushed"
    ):
        pull(s3, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ExpiredToken", r"the credentials have expired \(ExpiredToken\); renew them"),
        ("InvalidAccessKeyId", "the credentials are not accepted"),
        ("SignatureDoesNotMatch", "the credentials are not accepted"),
        ("AccessDenied", "access denied .* need s3:ListBucket"),
    ],
)
def test_refused_credentials_end_it_at_once_and_show_nowhere(s3, folder, tmp_path, caplog, code, told):
    caplog.set_level(logging.DEBUG)
    s3.refuse_with = code
    s3.refuse_message = f"you sent {SECRET} and {TOKEN}"  # a server that repeats what it was sent
    for work in (push, pull):
        with pytest.raises(ValueError, match=told) as raised:
            work(s3, folder if work is push else tmp_path / "copy")
        assert "\n" not in str(raised.value)
        assert raised.value.__suppress_context__
        for secret in (SECRET, TOKEN):
            assert secret not in str(raised.value)
            assert secret not in caplog.text
        assert time.monotonic() - s3.refused_at[-1] < 5
    assert len(s3.requests) == 2


def test_credentials_that_expire_on_the_way_end_it_soon(s3, folder, tmp_path):
    push(s3, folder)
    s3.chunk_delay_s = 0.05

    def expire(moved, left):
        s3.refuse_with = "ExpiredToken" if moved else ""

    with pytest.raises(ValueError, match="the credentials have expired"):
        pull(s3, tmp_path / "copy", threads=2, on_progress=expire)
    assert time.monotonic() - s3.refused_at[0] < 5
    s3.refuse_with, s3.chunk_delay_s = "", 0.0
    pull(s3, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(folder)


def test_missing_credentials_are_told(s3, folder, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(ValueError, match=r"no complete credentials found .* set AWS_ACCESS_KEY_ID"):
        push(s3, folder)


def test_nothing_secret_is_logged_by_a_transfer_with_faults(s3, folder, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    s3.fault_rate, s3.faults = 0.3, ("500", "reset")
    push(s3, folder)
    pull(s3, tmp_path / "copy")
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


def test_an_endpoint_that_nobody_answers_is_told_with_its_remedy(folder):
    with pytest.raises(ValueError, match=r"cannot connect; check the network and the endpoint .*tried 4 times"):
        push_folder(folder, ADDRESS, endpoint_url="http://127.0.0.1:9", backoff_s=0.01)


def test_progress_ends_with_nothing_left(s3, folder):
    seen = []
    report = push(s3, folder, on_progress=lambda moved, left: seen.append((moved, left)))
    assert seen[-1] == (report["bytes"], 0)
    assert [moved for moved, _ in seen] == sorted(moved for moved, _ in seen)


def test_links_are_not_pushed(s3, folder, tmp_path):
    (folder / "train/link.tar").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"link\.tar: is a link; push takes files only"):
        push(s3, folder)
    assert s3.requests == []


def test_an_empty_or_missing_folder_is_not_pushed(s3, tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        push(s3, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="nothing to push"):
        push(s3, tmp_path / "empty")


def test_a_file_that_changes_meanwhile_is_told_and_not_completed(s3, folder):
    def change(moved, left):
        if moved:
            (folder / LARGE).write_bytes(b"y" * 450_000)

    with pytest.raises(ValueError, match=r"large\.tar: changed while it was pushed"):
        push(s3, folder, on_progress=change)
    assert "bucket/sets/signs/lowres-manifest.json" not in s3.objects
    assert f"bucket/sets/signs/{LARGE}" not in s3.objects
