import pytest

from lowres.data.text_files import read_json_object


def test_a_folder_is_no_missing_annotation_file(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path}: is a folder; name the annotation file in it"):
        read_json_object(tmp_path)
    with pytest.raises(ValueError, match="no such annotation file"):
        read_json_object(tmp_path / "none.json")
