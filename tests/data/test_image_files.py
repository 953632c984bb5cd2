import io
import stat
import tarfile
import tracemalloc
import zipfile

import pytest

from lowres.data.image_archives import MAX_FILE_BYTES
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
    with pytest.raises(ValueError, match=r"a\.tar: is a tar compressed with gzip, .*make it a plain tar \(gzip -dc"):
        open_images(path)


def test_cut_tar_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("1.jpg", bytes(5000)), ("2.jpg", bytes(5000))])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match="cannot be read as an uncompressed tar"):
        open_images(path)


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members:
            packed.writestr(name, data)
    return path


WRITERS = {"a.tar": write_tar, "a.zip": write_zip}


@pytest.mark.parametrize("archive", WRITERS)
def test_folder_and_archives_list_the_same_names_without_hidden_ones(tmp_path, archive):
    members = [("sub/1.jpg", b"one"), ("2.jpg", b"two"), (".DS_Store", b"x"), (".cache/3.jpg", b"x")]
    for name, data in members:
        path = tmp_path / "folder" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
    images = open_images(WRITERS[archive](tmp_path / archive, members))
    assert images.names() == open_images(tmp_path / "folder").names() == ["2.jpg", "sub/1.jpg"]
    assert images.head("1.jpg", 2) == open_images(tmp_path / "folder").head("sub/1.jpg", 2) == b"on"
    assert images.read("sub/1.jpg") == b"one"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("archive", WRITERS)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["../1.jpg"], r"member '\.\./1\.jpg' leads out of the archive; repack it with relative names"),
        (["a/../../1.jpg"], "leads out of the archive"),
        (["..\\1.jpg"], "leads out of the archive"),
        (["/etc/1.jpg"], "leads out of the archive"),
        (["C:\\1.jpg"], "leads out of the archive"),
        (["a/1.jpg", "A/1.jpg"], "members 'a/1.jpg' and 'A/1.jpg' differ in case alone; rename one"),
        (["1.jpg", "./1.jpg"], "two members are called '1.jpg'; repack it with one of them"),
        (["1.jpg", "1.jpg"], "two members are called '1.jpg'"),
    ],
)
def test_archive_that_could_mislead_is_refused_and_nothing_is_written(tmp_path, archive, names, message):
    path = WRITERS[archive](tmp_path / archive, [(name, b"x") for name in names])
    with pytest.raises(ValueError, match=message):
        open_images(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [archive]


def test_devices_in_a_tar_and_links_in_a_zip_are_not_files(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in [("disk.jpg", tarfile.BLKTYPE), ("tty.jpg", tarfile.CHRTYPE)]:
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        info = zipfile.ZipInfo("link.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, "/etc/passwd")
    for path, name in (("a.tar", "disk.jpg"), ("a.tar", "tty.jpg"), ("a.zip", "link.jpg")):
        images = open_images(tmp_path / path)
        assert images.names() == []
        with pytest.raises(ValueError, match="no such file in the archive"):
            images.read(name)


def test_decompression_bomb_is_refused_without_unpacking(tmp_path):
    images = open_images(write_zip(tmp_path / "a.zip", [("bomb.png", bytes(50_000_000)), ("1.jpg", b"one")]))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"\d+ bytes unpack to 50000000: a decompression bomb"):
        images.read("bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert images.read("1.jpg") == b"one"


def test_file_beyond_the_cap_is_refused(tmp_path):
    size = MAX_FILE_BYTES + 1
    with (tmp_path / "big.jpg").open("wb") as file:
        file.truncate(size)
    info = tarfile.TarInfo("big.jpg")
    info.size = size
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(info.tobuf())
        file.truncate(512 + size + 1024 - size % 512 + 512)
    for path in (tmp_path, tmp_path / "a.tar"):
        with pytest.raises(ValueError, match=f"the file has {size} bytes; at most {MAX_FILE_BYTES} are read"):
            open_images(path).read("big.jpg")


def test_damaged_zips_are_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", [("1.jpg", bytes(range(256)) * 20)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.zip: cannot be read as a zip"):
        open_images(path)
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    with pytest.raises(ValueError, match="the zip is damaged or encrypted here"):
        open_images(path).read("1.jpg")
    flags = bytearray(whole)
    flags[6] |= 1
    flags[flags.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(flags)
    with pytest.raises(ValueError, match=r"the zip is damaged or encrypted here: .*encrypted"):
        open_images(path).read("1.jpg")


def test_a_zip_with_a_nameless_member_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(zipfile.ZipInfo("x"), b"one")
    path = tmp_path / "a.zip"
    data = bytearray(path.read_bytes())
    directory, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    data[directory + 28] = 0  # the length of the name
    data[end + 12] -= 1  # that of the directory
    del data[directory + 46]
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.zip: member '' leads out of the archive"):
        open_images(path)
