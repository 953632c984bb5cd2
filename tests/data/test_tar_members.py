import tarfile
from itertools import islice

import pytest
from tests.data.hostile_tars import HEADERS, header, pax

from lowres.data.doctor.listing import Listing
from lowres.data.image_archives import ImageTar
from lowres.data.tar_members import tar_members


def written(tmp_path, content):
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie_are_refused_in_one_line(tmp_path, name):
    content, told = HEADERS[name]
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=rf"a\.tar: cannot be read as an uncompressed tar \(.*{told}") as caught:
        list(islice(tar_members(path), 10))  # a reader that goes round in circles would never come to an end
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [ImageTar, Listing])
def test_images_and_the_doctor_refuse_a_negative_size(tmp_path, read):
    with pytest.raises(ValueError, match="cannot be read as an uncompressed tar"):
        read(written(tmp_path, HEADERS["negative size"][0]))


def test_long_names_and_the_rest_of_metadata_are_read(tmp_path):
    name = "/".join(["folder" * 20] * 30) + ".png"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=kind) as tar:
            tar.addfile(tarfile.TarInfo(name))
        assert [member.name for member in tar_members(tmp_path / "a.tar")] == [name]


def test_folders_and_links_are_members_too(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (("a", tarfile.DIRTYPE), ("a/b", tarfile.SYMTYPE), ("a/c", tarfile.REGTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
    assert [member.name for member in tar_members(tmp_path / "a.tar")] == ["a", "a/b", "a/c"]


def test_a_pax_header_may_state_the_size_of_the_next_file(tmp_path):
    path = written(tmp_path, pax(b"12 size=512\n") + header("a.png") + b"x" * 512 + header("b.png") + bytes(1024))
    assert [(member.name, member.size) for member in tar_members(path)] == [("a.png", 512), ("b.png", 0)]


@pytest.mark.parametrize(("start", "end"), [(1024, 1034), (1034, 4096)])
def test_a_header_that_is_damaged_or_cut_is_not_taken_for_the_end(tmp_path, start, end):
    content = bytearray(header("a.png") + header("b.png") + header("c.png") + bytes(1024))
    assert [member.name for member in tar_members(written(tmp_path, content))] == ["a.png", "b.png", "c.png"]
    del content[start:end]
    with pytest.raises(
        ValueError, match=r"a\.tar: cannot be read as an uncompressed tar \(damaged header at byte 1024\)"
    ):
        list(tar_members(written(tmp_path, content)))


def test_a_tar_may_end_without_blocks_of_zeros_and_have_anything_behind_them(tmp_path):
    for end in (b"", bytes(512), bytes(1024) + b"x" * 99):
        assert len(list(tar_members(written(tmp_path, header("a.png") + end)))) == 1
