import io
import tarfile
import zipfile

import pytest

from lowres.data import archive_paths
from lowres.data.archive_paths import open_images_at, read_annotations, split_archive_path


def members(path, files):
    with tarfile.open(path, "w") as packed:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def tar(tmp_path):
    return members(
        tmp_path / "set.tar",
        {"top/images/1.jpg": b"one", "top/images/sub/2.jpg": b"two", "top/other/3.jpg": b"3", "top/a.json": b"{}"},
    )


def test_a_path_is_split_where_a_folder_of_it_is_a_file(tar, tmp_path):
    assert split_archive_path(tar / "top" / "a.json") == (tar, "top/a.json")
    assert split_archive_path(tar) is None
    assert split_archive_path(tmp_path / "nowhere/a.json") is None


def test_a_folder_in_an_archive_is_one_of_images(tar):
    images = open_images_at(tar / "top/images")
    assert images.names() == ["1.jpg", "sub/2.jpg"]
    assert (images.read("sub/2.jpg"), images.head("1.jpg", 2)) == (b"two", b"on")


@pytest.mark.parametrize("name", ["../other/3.jpg", "3.jpg", "other/3.jpg", "/1.jpg", "2.jpg", "top/images/1.jpg"])
def test_what_lies_outside_of_the_folder_is_out_of_reach(tar, name):
    with pytest.raises(ValueError, match="no such file in this folder"):
        open_images_at(tar / "top/images").read(name)


def test_folders_answer_without_those_before_them_unless_two_do(tar, tmp_path):
    assert open_images_at(tar / "images").names() == ["1.jpg", "sub/2.jpg"]
    both = members(tmp_path / "both.tar", {"a/images/1.jpg": b"", "b/images/1.jpg": b""})
    with pytest.raises(ValueError, match=r"both\.tar/images: several folders end in this name \(a/images, b/images\)"):
        open_images_at(both / "images")
    with pytest.raises(ValueError, match=r"set\.tar/pictures: no such folder in the archive"):
        open_images_at(tar / "pictures")


def test_annotations_are_read_from_a_folder_and_from_an_archive(tar, tmp_path):
    (tmp_path / "a.json").write_bytes(b"[]")
    assert (read_annotations(tmp_path / "a.json"), read_annotations(tar / "top/a.json")) == (b"[]", b"{}")
    for path in (tmp_path / "b.json", tar / "top/b.json", tar / "../a.json"):
        with pytest.raises(ValueError, match=f"{path}: no such"):
            read_annotations(path)


def test_annotations_that_are_too_large_are_not_read_from_an_archive(tar, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.json", bytes(3_000_000))
    with pytest.raises(ValueError, match=r"bomb\.zip/a\.json: .*a decompression bomb"):
        read_annotations(tmp_path / "bomb.zip/a.json")
    monkeypatch.setattr(archive_paths, "MAX_ANNOTATION_BYTES", 1)
    with pytest.raises(ValueError, match=r"set\.tar/top/a\.json: the file has 2 bytes; at most 1 are read"):
        read_annotations(tar / "top/a.json")


def test_an_archive_that_is_not_to_be_trusted_is_refused_by_its_name(tmp_path):
    evil = members(tmp_path / "evil.tar", {"../evil.json": b"{}", "a.json": b"{}"})
    with pytest.raises(ValueError, match=r"evil\.tar: member '\.\./evil\.json' leads out of the archive"):
        read_annotations(evil / "a.json")
