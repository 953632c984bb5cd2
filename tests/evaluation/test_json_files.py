import pytest

from lowres.evaluation.json_files import read_json


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, 2]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2]}
    assert read_json(tmp_path / "a.json", object_of_pairs=list) == [("a", [1, 2])]


def test_a_folder_a_missing_file_and_damage_are_told_apart(tmp_path):
    (tmp_path / "bad.json").write_text("[1")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "no", "no such file"),
        (tmp_path / "bad.json", "malf"),
    ):
        with pytest.raises(ValueError, match=f"{path}: {message}"):
            read_json(path)
