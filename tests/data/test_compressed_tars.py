import shlex
import subprocess
import tarfile

import pytest

from lowres.data.compressed_tars import compressed_tar_refusal, named_compressed_tar


@pytest.mark.parametrize(
    ("name", "mode", "tool", "plain"),
    [
        ("a set.tar.gz", "w:gz", "gzip", "a set.tar"),
        ("a.TGZ", "w:gz", "gzip", "a.tar"),
        ("a.tar.bz2", "w:bz2", "bzip2", "a.tar"),
        ("a.txz", "w:xz", "xz", "a.tar"),
        ("a.tar", "w:gz", "gzip", "a.plain.tar"),
    ],
)
def test_the_command_of_the_refusal_makes_a_plain_tar(tmp_path, name, mode, tool, plain):
    with tarfile.open(tmp_path / name, mode) as packed:
        packed.addfile(tarfile.TarInfo("1.jpg"))
    refusal = compressed_tar_refusal(tmp_path / name)
    assert f"{tmp_path / name}: is a tar compressed with {tool}" in refusal
    command = refusal[refusal.index(f"({tool}") + 1 : refusal.index("), or unpack")]
    assert shlex.split(command)[-1] == str(tmp_path / plain)
    subprocess.run(command, shell=True, check=True)
    with tarfile.open(tmp_path / plain, "r:") as unpacked:
        assert unpacked.getnames() == ["1.jpg"]


def test_a_plain_tar_is_not_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.addfile(tarfile.TarInfo("1.jpg"))
    assert compressed_tar_refusal(tmp_path / "a.tar") is None


def test_compressed_tars_are_known_by_their_names():
    names = ["a.tar.gz", "a.tgz", "a.tar.zst", "a.tar", "a.json.gz", "gz"]
    assert [name for name in names if named_compressed_tar(name)] == ["a.tar.gz", "a.tgz", "a.tar.zst"]
