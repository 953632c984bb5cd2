import pytest

from lowres.storage.paths import check_paths


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "is absolute"),
        ("../outside", "leaves the folder"),
        ("train/../../outside", "leaves the folder"),
        ("..", "leaves the folder"),
        ("train/./a", "empty part"),
        ("train//a", "empty part"),
        ("train/", "empty part"),
        ("", "empty part"),
        ("..\\outside", "backslash"),
        ("C:/outside", "colon"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("con. /a", "ends in a dot or a space"),
        ("a\ud800", "no valid Unicode"),
        ("lowres-manifest.json", "kept for the transfer"),
        ("train/.0-1.lowres-part", "kept for the transfer"),
        ("x" * 256, "too long"),
        ("a/" * 40 + "b", "too long"),
    ],
)
def test_a_path_that_is_unsafe_somewhere_is_refused(path, reason):
    with pytest.raises(ValueError, match=f"^somewhere: path .*{reason}"):
        check_paths(["train/shard-00000.tar", path], where="somewhere")


@pytest.mark.parametrize(
    "paths",
    [
        ["train/a.tar", "train/A.tar"],
        ["Train/a.tar", "train/b.tar"],
        ["caf\u00e9", "cafe\u0301"],  # composed and not
        ["stra\u00dfe", "STRASSE"],
    ],
)
def test_paths_that_some_file_systems_take_for_one_are_refused(paths):
    with pytest.raises(ValueError, match="differ in case or accents only"):
        check_paths(paths, where="somewhere")


def test_a_path_named_twice_or_both_file_and_folder_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        check_paths(["a", "a"], where="somewhere")
    for paths in (["a", "a/b"], ["a/b", "a"]):
        with pytest.raises(ValueError, match="is a file and a folder"):
            check_paths(paths, where="somewhere")


def test_usual_paths_are_accepted():
    check_paths(["train/shard-00000.tar", "val/index.json", ".hidden", "a b/ü+%20.jpg", "..a", "a..b"], where="x")
