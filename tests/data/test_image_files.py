import io
import tarfile

import pytest

from lowres.data.image_files import open_images


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_folder_and_tar_give_the_same_bytes(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "1.jpg").write_bytes(b"one")
    tar = write_tar(tmp_path / "a.tar", [("sub/1.jpg", b"one"), ("sub/2.jpg", b"two")])
    assert open_images(tmp_path).read("sub/1.jpg") == open_images(tar).read("sub/1.jpg") == b"one"


def test_tar_member_answers_without_its_leading_folders(tmp_path):
    images = open_images(write_tar(tmp_path / "a.tar", [("./coco/val/1.jpg", b"one"), ("./coco/val/2.jpg", b"two")]))
    assert images.read("2.jpg") == images.read("val/2.jpg") == images.read("coco/val/2.jpg") == b"two"


def test_ambiguous_tail_of_a_tar_name_is_refused(tmp_path):
    images = open_images(write_tar(tmp_path / "a.tar", [("a/1.jpg", b"one"), ("b/1.jpg", b"two"), ("2.jpg", b"3")]))
    assert images.read("b/1.jpg") == b"two"
    assert images.read("2.jpg") == b"3"
    with pytest.raises(ValueError, match="several files"):
        images.read("1.jpg")


def test_whole_name_wins_over_a_tail(tmp_path):
    images = open_images(write_tar(tmp_path / "a.tar", [("1.jpg", b"top"), ("a/1.jpg", b"below")]))
    assert images.read("1.jpg") == b"top"


def test_links_and_pipes_in_a_tar_are_not_files(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in [
            ("link.jpg", tarfile.SYMTYPE),
            ("hard.jpg", tarfile.LNKTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    images = open_images(tmp_path / "a.tar")
    for name in ("link.jpg", "hard.jpg", "pipe.jpg"):
        with pytest.raises(ValueError, match="no such file"):
            images.read(name)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", ".", "nul\0", "pipe", "absent.jpg"])
def test_name_that_leads_out_of_the_folder_or_to_no_file_is_refused(tmp_path, name):
    import os

    (tmp_path / "secret").write_text("x")
    (tmp_path / "images").mkdir()
    os.mkfifo(tmp_path / "images" / "pipe")
    with pytest.raises(ValueError, match="image folder"):
        open_images(tmp_path / "images").read(name)


def test_compressed_tar_is_refused_with_the_remedy(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("1.jpg", b"one")], mode="w:gz")
    with pytest.raises(ValueError, match=r"a\.tar: cannot be read as an uncompressed tar .*unpack or repack"):
        open_images(path)


def test_cut_tar_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("1.jpg", bytes(5000)), ("2.jpg", bytes(5000))])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="cannot be read as an uncompressed tar"):
        open_images(path)
